#include "broker/admin/control_server.h"

#include <doctest/doctest.h>
#include <filesystem>
#include <memory>
#include <string>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace bramble {
namespace {

/// Of a broker without a client, whose reactors need not run.
struct Parts {
  Counters counters{1};
  Quiescence quiescence{1};
  SubscriptionTable table{quiescence, 1, 1};
  RetainedMessages retained{quiescence, 1};
  SessionDirectory directory{1};
  PasswordChecks passwords{{1, 0}};
  Mesh mesh{1, 1 << 20, quiescence, counters};
  Commons commons{mesh, counters, table, retained, directory, passwords};

  std::string answer(std::string_view text) const {
    const auto request = control::Line::parse(text);
    REQUIRE(request.has_value());
    const auto answer = answer_to(*request, commons);
    if (!answer) return "error: " + answer.error();
    std::string out;
    while ((*answer)->more(out)) {
    }
    return out;
  }
};

class Asker {
 public:
  explicit Asker(const std::string& path) : socket_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    REQUIRE(::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  }
  Asker(const Asker&) = delete;
  ~Asker() { ::close(socket_); }

  void send(std::string_view text) const {
    REQUIRE(::send(socket_, text.data(), text.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(text.size()));
  }
  /// Until the server closes.
  std::string rest() const {
    std::string all;
    char bytes[4096];
    for (ssize_t got = 0; (got = ::recv(socket_, bytes, sizeof bytes, 0)) > 0;) {
      all.append(bytes, static_cast<std::size_t>(got));
    }
    return all;
  }

 private:
  int socket_;
};

/// A server on a socket of its own.
struct Served {
  std::string folder = (std::filesystem::temp_directory_path() / "bramble-control-XXXXXX").string();
  std::string path = (::mkdtemp(folder.data()), folder + "/control");
  Parts parts;
  ControlServer server;

  explicit Served(ControlServer::Limits limits) : server(*BoundSocket::open_unix(path, 0600), parts.commons, limits) {
    server.start();
  }
  ~Served() {
    server.stop();
    std::filesystem::remove_all(folder);
  }
};

TEST_CASE("a request has the version, one command, and only what the command takes, once") {
  const Parts parts;
  CHECK(parts.answer("bramble/1 clients") == "bramble/1 ok\nend count=0\n");
  CHECK(parts.answer("bramble/1 clients id=* state=all lines=no") == "bramble/1 ok\nend count=0\n");
  CHECK(parts.answer("bramble/1 receivers topic=a/b from=me") == "bramble/1 ok\nend count=0\n");
  CHECK(parts.answer("bramble/2 clients") == "error: a request begins with bramble/1 and a command");
  CHECK(parts.answer("bramble/1") == "error: a request begins with bramble/1 and a command");
  CHECK(parts.answer("bramble/1 clients clients") == "error: a request begins with bramble/1 and a command");
  CHECK(parts.answer("bramble/1 kick id=a") == "error: no command is called kick here");
  CHECK(parts.answer("bramble/1 clients topic=a") == "error: clients takes no topic");
  CHECK(parts.answer("bramble/1 clients id=a id=b") == "error: id is there twice");
  CHECK(parts.answer("bramble/1 clients state=gone") == "error: state is connected, away or all, not gone");
  CHECK(parts.answer("bramble/1 clients id=" + std::string(1025, 'a')) == "error: a pattern has at most 1024 bytes");
  CHECK(parts.answer("bramble/1 clients subscribed=a/#/b") ==
        "error: subscribed is neither a topic nor a Topic Filter");
  CHECK(parts.answer("bramble/1 receivers") == "error: topic is none that can be published to");
}

TEST_CASE("who says nothing at the control socket is dropped in time") {
  ControlServer::Limits limits;
  limits.silence = Seconds(1);
  const Served served(limits);
  const Asker silent(served.path);
  const Asker half(served.path);
  half.send("bramble/1 clie");
  CHECK(silent.rest().empty());
  CHECK(half.rest().empty());
}

TEST_CASE("when too many hold the control socket the one with least time left makes room") {
  ControlServer::Limits limits;
  limits.connections = 2;
  limits.silence = Seconds(3600);
  const Served served(limits);
  const Asker first(served.path), second(served.path), third(served.path);
  CHECK(first.rest().empty());
  third.send("bramble/1 clients\n");
  CHECK(third.rest() == "bramble/1 ok\nend count=0\n");
  second.send("bramble/1 nothing\n");
  CHECK(second.rest() == "bramble/1 error why=no%20command%20is%20called%20nothing%20here\n");
}

TEST_CASE("stopping the control socket waits for nobody") {
  ControlServer::Limits limits;
  limits.silence = Seconds(3600);
  auto served = std::make_unique<Served>(limits);
  const Asker silent(served->path);
  served.reset();
  CHECK(silent.rest().empty());
}

}  // namespace
}  // namespace bramble
