#include "broker/net/handed_sockets.h"

#include <arpa/inet.h>
#include <cstring>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <filesystem>
#include <netinet/in.h>
#include <sys/un.h>
#include <unistd.h>

#include "broker/net/bound_socket.h"

namespace bramble {
namespace {

sockaddr_in loopback(std::uint16_t port = 0) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

const sockaddr& plain(const auto& address) { return reinterpret_cast<const sockaddr&>(address); }

template <class Address>
Address bound_to(int socket) {
  Address address{};
  socklen_t size = sizeof address;
  REQUIRE(::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size) == 0);
  return address;
}

/// A socket on a port of its own; as the service manager has it, who closes only his copy.
class Theirs {
 public:
  explicit Theirs(bool listens = true) {
    const sockaddr_in address = loopback();
    REQUIRE(::bind(descriptor, &plain(address), sizeof address) == 0);
    if (listens) REQUIRE(::listen(descriptor, 8) == 0);
  }
  Theirs(const Theirs&) = delete;
  ~Theirs() { ::close(descriptor); }

  HandedSockets::Socket handed(const std::string& name) const {
    return {::fcntl(descriptor, F_DUPFD_CLOEXEC, 0), name};
  }
  sockaddr_in address() const { return bound_to<sockaddr_in>(descriptor); }
  std::uint16_t port() const { return ntohs(address().sin_port); }
  ListenerOptions listener() const {
    ListenerOptions options;
    options.port = port();
    options.bind_address = "127.0.0.1";
    return options;
  }
  /// A client comes through.
  bool answers() const {
    const sockaddr_in there = address();
    const int client = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const bool connected = ::connect(client, &plain(there), sizeof there) == 0;
    ::close(client);
    return connected;
  }

  const int descriptor = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
};

HandedSockets just(HandedSockets::Socket socket) {
  std::vector<HandedSockets::Socket> all;
  all.push_back(std::move(socket));
  return HandedSockets(std::move(all));
}

}  // namespace

TEST_CASE("a socket is taken by the listener of its address and port, once, and does not block") {
  const Theirs theirs;
  HandedSockets handed = just(theirs.handed("listener_x"));
  const auto elsewhere = loopback(1);
  CHECK(handed.take(plain(elsewhere), {}).descriptor == -1);
  const auto address = theirs.address();
  const auto taken = handed.take(plain(address), {});
  REQUIRE(taken.descriptor >= 0);
  CHECK((::fcntl(taken.descriptor, F_GETFL) & O_NONBLOCK) != 0);
  CHECK(taken.name == "listener_x");
  CHECK(handed.take(plain(address), {}).descriptor == -1);
  ::close(taken.descriptor);
}

TEST_CASE("a socket that does not listen, or is on another device than the listener asks for, is not taken") {
  const Theirs mute(false), theirs;
  HandedSockets handed = just(mute.handed("mute"));
  const auto of_mute = mute.address();
  CHECK(handed.take(plain(of_mute), {}).descriptor == -1);
  HandedSockets more = just(theirs.handed("listener_x"));
  const auto address = theirs.address();
  ListenerOptions on_device;
  on_device.bind_interface = "lo";
  CHECK(more.take(plain(address), on_device).descriptor == -1);
}

TEST_CASE("a socket for IPv6 and IPv4 at once is not taken for IPv6") {
  for (const int alone : {0, 1}) {
    const int socket = ::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (socket < 0) return;  // a machine without IPv6
    ::setsockopt(socket, IPPROTO_IPV6, IPV6_V6ONLY, &alone, sizeof alone);
    sockaddr_in6 any{};
    any.sin6_family = AF_INET6;
    REQUIRE(::bind(socket, &plain(any), sizeof any) == 0);
    REQUIRE(::listen(socket, 8) == 0);
    const auto address = bound_to<sockaddr_in6>(socket);
    HandedSockets handed = just({socket, "mqtt.socket"});
    const auto taken = handed.take(plain(address), {});
    CHECK((taken.descriptor >= 0) == (alone == 1));
    if (taken.descriptor >= 0) ::close(taken.descriptor);
  }
}

TEST_CASE("what nobody wants is closed, and one of ours answers no more although another has it too") {
  const Theirs ours, unit, wanted;
  std::vector<HandedSockets::Socket> all;
  all.push_back(ours.handed("listener_ours"));
  all.push_back(unit.handed("mqtt.socket"));
  all.push_back(wanted.handed("listener_wanted"));
  HandedSockets handed(std::move(all));
  const auto address = wanted.address();
  handed.want(plain(address), {});
  handed.close_unwanted();
  CHECK_FALSE(ours.answers());
  CHECK(unit.answers());  // it is the manager's own
  CHECK(wanted.answers());
  const auto of_unit = unit.address();
  CHECK(handed.take(plain(of_unit), {}).descriptor == -1);
  const auto taken = handed.take(plain(address), {});
  CHECK(taken.descriptor >= 0);
  ::close(taken.descriptor);
}

TEST_CASE("a listener goes on with the socket that was handed over, and leaves it listening") {
  const Theirs theirs;
  {
    HandedSockets handed = just(theirs.handed(HandedSockets::name_of(theirs.descriptor)));
    BoundSocket::want(theirs.listener(), handed);
    handed.close_unwanted();
    const auto sockets = BoundSocket::open(theirs.listener(), false, &handed);
    REQUIRE(sockets.has_value());
    CHECK(sockets->at(0).keeper() == BoundSocket::Keeper::store);
    CHECK(sockets->at(0).address() == "127.0.0.1:" + std::to_string(theirs.port()));
  }
  CHECK(theirs.answers());
}

TEST_CASE("a socket that is given up answers no more, though another has it too") {
  const Theirs theirs;
  HandedSockets handed = just(theirs.handed(HandedSockets::name_of(theirs.descriptor)));
  auto sockets = BoundSocket::open(theirs.listener(), false, &handed);
  REQUIRE(sockets.has_value());
  sockets->at(0).give_up();
  CHECK_FALSE(theirs.answers());
}

TEST_CASE("the socket of a .socket unit stays that unit's own when its listener goes") {
  const Theirs theirs;
  HandedSockets handed = just(theirs.handed("mqtt.socket"));
  auto sockets = BoundSocket::open(theirs.listener(), false, &handed);
  REQUIRE(sockets.has_value());
  CHECK(sockets->at(0).keeper() == BoundSocket::Keeper::unit);
  sockets->at(0).give_up();
  sockets->clear();
  CHECK(theirs.answers());
}

TEST_CASE("a Unix socket is handed over while its file is there, and the file stays with who keeps it") {
  std::string folder = (std::filesystem::temp_directory_path() / "bramble-handed-XXXXXX").string();
  REQUIRE(::mkdtemp(folder.data()) != nullptr);
  ListenerOptions options;
  options.port = 0;
  options.bind_address = folder + "/socket";
  options.unix_socket_mode = 0600;
  auto first = BoundSocket::open(options);
  REQUIRE(first.has_value());
  const int copy = ::fcntl(first->at(0).descriptor(), F_DUPFD_CLOEXEC, 0);
  first->at(0).kept();
  first->clear();
  REQUIRE(std::filesystem::exists(options.bind_address));

  const std::string name = HandedSockets::name_of(copy);
  HandedSockets handed = just({copy, name});
  options.unix_socket_mode = 0666;
  auto second = BoundSocket::open(options, false, &handed);
  REQUIRE(second.has_value());
  CHECK(second->at(0).descriptor() == copy);
  CHECK(std::filesystem::status(options.bind_address).permissions() == std::filesystem::perms(0666));
  second->at(0).give_up();
  second->clear();
  CHECK_FALSE(std::filesystem::exists(options.bind_address));
  std::filesystem::remove_all(folder);
}

TEST_CASE("the name of a socket has no colon and tells it from others") {
  const Theirs one, other;
  const std::string name = HandedSockets::name_of(one.descriptor);
  CHECK(name == "listener_127.0.0.1_" + std::to_string(one.port()));
  CHECK(name != HandedSockets::name_of(other.descriptor));
  CHECK(HandedSockets::is_ours({one.descriptor, name}));
  CHECK_FALSE(HandedSockets::is_ours({one.descriptor, "mqtt.socket"}));
}

}  // namespace bramble
