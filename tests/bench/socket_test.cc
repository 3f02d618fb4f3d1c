#include "tools/bench/socket.h"

#include <cerrno>
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>

using namespace bramble::bench;

namespace {

/// A loopback port on which something listens.
class Listener {
 public:
  Listener() : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* any = reinterpret_cast<sockaddr*>(&address);
    REQUIRE(::bind(socket_.get(), any, size) == 0);
    REQUIRE(::listen(socket_.get(), 8) == 0);
    ::getsockname(socket_.get(), any, &size);
    port_ = ntohs(address.sin_port);
  }
  std::uint16_t port() const { return port_; }

 private:
  Descriptor socket_;
  std::uint16_t port_ = 0;
};

std::uint32_t source_of(const Descriptor& socket) {
  sockaddr_in address{};
  socklen_t size = sizeof address;
  ::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &size);
  return ntohl(address.sin_addr.s_addr);
}

bool nodelay(const Descriptor& socket) {
  int value = 0;
  socklen_t size = sizeof value;
  ::getsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &value, &size);
  return value != 0;
}

Endpoint endpoint(const Listener& listener, const std::vector<std::string>& sources = {}) {
  std::string fault;
  const auto found = resolve("127.0.0.1", listener.port(), sources, fault);
  REQUIRE(found);
  return *found;
}

bool says(const std::string& text, const char* what) { return text.find(what) != std::string::npos; }

}  // namespace

TEST_CASE("clients connect from the sources in turn") {
  const Listener listener;
  const Endpoint to = endpoint(listener, {"127.0.0.3", "127.0.0.4"});
  CHECK(source_of(start_connect(to, 0).socket) == INADDR_LOOPBACK + 2);
  CHECK(source_of(start_connect(to, 1).socket) == INADDR_LOOPBACK + 3);
  CHECK(source_of(start_connect(to, 2).socket) == INADDR_LOOPBACK + 2);
}

TEST_CASE("without sources each group of 10,000 clients on loopback has an address of its own") {
  const Listener listener;
  const Endpoint to = endpoint(listener);
  CHECK(source_of(start_connect(to, 9'999).socket) == INADDR_LOOPBACK);
  CHECK(source_of(start_connect(to, 10'000).socket) == INADDR_LOOPBACK + 1);
}

TEST_CASE("Nagle's delay is off, and on if that is asked for") {
  const Listener listener;
  Endpoint to = endpoint(listener);
  CHECK(nodelay(start_connect(to, 0).socket));
  to.nodelay = false;
  CHECK_FALSE(nodelay(start_connect(to, 0).socket));
}

TEST_CASE("a source that is no address of this machine, or of the other kind, is named") {
  const Listener listener;
  const auto [socket, fault] = start_connect(endpoint(listener, {"192.0.2.1"}), 0);
  CHECK_FALSE(socket);
  CHECK(says(fault, "--source"));
  std::string why;
  CHECK_FALSE(resolve("127.0.0.1", 1883, {"::1"}, why));
  CHECK(says(why, "--source ::1"));
}

TEST_CASE("who runs out of file descriptors is told the limit and the cure") {
  const Listener listener;
  const Endpoint to = endpoint(listener);
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  const rlimit none_left{.rlim_cur = 3, .rlim_max = limit.rlim_max};
  ::setrlimit(RLIMIT_NOFILE, &none_left);
  const auto [socket, fault] = start_connect(to, 0);
  ::setrlimit(RLIMIT_NOFILE, &limit);
  CHECK_FALSE(socket);
  CHECK(says(fault, "may open 3 "));
  CHECK(says(fault, "ulimit -Hn"));
}

TEST_CASE("who runs out of ports is told the range and the cure") {
  const std::string fault = connect_fault(EADDRNOTAVAIL);
  CHECK(says(fault, "ip_local_port_range is "));
  CHECK(says(fault, "--source"));
  CHECK(connect_fault(ECONNREFUSED) == "Connection refused");
}
