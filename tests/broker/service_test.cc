#include "broker/service.h"

#include <cstdlib>
#include <cstring>
#include <doctest/doctest.h>
#include <filesystem>
#include <sys/un.h>
#include <unistd.h>

namespace bramble {
namespace {

/// Stands for systemd: what it is told, and the sockets that it is given.
class Manager {
 public:
  Manager() {
    REQUIRE(::mkdtemp(folder_.data()) != nullptr);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string path = folder_ + "/notify";
    std::memcpy(address.sun_path, path.data(), path.size());
    REQUIRE(::bind(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    ::setenv("NOTIFY_SOCKET", path.c_str(), 1);
  }
  Manager(const Manager&) = delete;
  ~Manager() {
    ::unsetenv("NOTIFY_SOCKET");
    ::close(socket_);
    std::filesystem::remove_all(folder_);
  }

  struct Told {
    std::string text;
    int given = -1;  ///< the test's to close
  };
  /// What has been said and not yet heard; empty: nothing.
  Told hear() const {
    char text[1024];
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))];
    iovec part{text, sizeof text};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    const ssize_t size = ::recvmsg(socket_, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (size < 0) return {};
    Told told{std::string(text, static_cast<std::size_t>(size))};
    for (cmsghdr* part_of = CMSG_FIRSTHDR(&message); part_of; part_of = CMSG_NXTHDR(&message, part_of)) {
      if (part_of->cmsg_type == SCM_RIGHTS) std::memcpy(&told.given, CMSG_DATA(part_of), sizeof told.given);
    }
    return told;
  }

 private:
  std::string folder_ = (std::filesystem::temp_directory_path() / "bramble-service-XXXXXX").string();
  const int socket_ = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
};

std::vector<BoundSocket> on_loopback() {
  ListenerOptions options;
  options.port = 0;
  options.bind_address = "127.0.0.1";
  auto sockets = BoundSocket::open(options);
  REQUIRE(sockets.has_value());
  return std::move(*sockets);
}

}  // namespace

TEST_CASE("the manager is told each thing once, a line of it in a line") {
  const Manager manager;
  Service service;
  service.status("one\nof two lines");
  service.ready();
  service.reloading();
  service.stopping();
  service.alive();
  CHECK(manager.hear().text == "STATUS=one of two lines");
  CHECK(manager.hear().text == "READY=1");
  CHECK(manager.hear().text.find("RELOADING=1\nMONOTONIC_USEC=") == 0);
  CHECK(manager.hear().text == "STOPPING=1");
  CHECK(manager.hear().text == "WATCHDOG=1");
  CHECK(manager.hear().text.empty());
}

TEST_CASE("each socket is given to the manager once, under its name, and taken back when it is gone") {
  const Manager manager;
  Service service;
  auto one = on_loopback(), other = on_loopback();
  service.keep({&one[0], &other[0]});
  for (auto* const socket : {&one[0], &other[0]}) {
    const auto told = manager.hear();
    CHECK(told.text == "FDSTORE=1\nFDNAME=" + HandedSockets::name_of(socket->descriptor()));
    REQUIRE(told.given >= 0);
    CHECK(HandedSockets::name_of(told.given) == HandedSockets::name_of(socket->descriptor()));
    ::close(told.given);
    CHECK(socket->keeper() == BoundSocket::Keeper::store);
  }
  service.keep({&one[0], &other[0]});
  CHECK(manager.hear().text.empty());
  const std::string gone = HandedSockets::name_of(one[0].descriptor());
  service.keep({&other[0]});
  CHECK(manager.hear().text == "FDSTOREREMOVE=1\nFDNAME=" + gone);
  CHECK(manager.hear().text.empty());
}

TEST_CASE("without a manager nothing is told, and sockets end with the process") {
  ::unsetenv("NOTIFY_SOCKET");
  Service service;
  auto sockets = on_loopback();
  service.keep({&sockets[0]});
  service.ready();
  CHECK(sockets[0].keeper() == BoundSocket::Keeper::none);
  CHECK_FALSE(service.watchdog().has_value());
}

TEST_CASE("the watchdog is whose process id the environment names") {
  const Manager manager;
  ::setenv("WATCHDOG_USEC", "30000000", 1);
  ::setenv("WATCHDOG_PID", "1", 1);
  CHECK_FALSE(Service().watchdog().has_value());
  ::setenv("WATCHDOG_USEC", "30000000", 1);
  ::setenv("WATCHDOG_PID", std::to_string(::getpid()).c_str(), 1);
  const Service service;
  REQUIRE(service.watchdog().has_value());
  CHECK(*service.watchdog() == std::chrono::seconds(30));
  CHECK(std::getenv("WATCHDOG_USEC") == nullptr);
}

}  // namespace bramble
