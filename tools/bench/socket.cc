#include "tools/bench/socket.h"

#include <cerrno>
#include <cstring>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

namespace bramble::bench {

namespace {

constexpr std::uint32_t kClientsPerAddress = 10'000;

bool bind_source(int fd, std::uint32_t client_number) {
  const int on = 1;
  ::setsockopt(fd, SOL_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);  // the port is chosen at connect, per destination
  sockaddr_in source{};
  source.sin_family = AF_INET;
  source.sin_addr.s_addr = htonl(INADDR_LOOPBACK + client_number / kClientsPerAddress);
  return ::bind(fd, reinterpret_cast<const sockaddr*>(&source), sizeof source) == 0;
}

}  // namespace

bool Endpoint::is_loopback_v4() const {
  if (address.ss_family != AF_INET) return false;
  sockaddr_in v4{};
  std::memcpy(&v4, &address, sizeof v4);
  return ntohl(v4.sin_addr.s_addr) >> 24 == 127;
}

std::optional<Endpoint> resolve(const std::string& host, std::uint16_t port) {
  addrinfo wanted{};
  wanted.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &wanted, &found) != 0) return std::nullopt;
  Endpoint endpoint;
  std::memcpy(&endpoint.address, found->ai_addr, found->ai_addrlen);
  endpoint.size = found->ai_addrlen;
  ::freeaddrinfo(found);
  return endpoint;
}

Descriptor start_connect(const Endpoint& broker, std::uint32_t client_number) {
  Descriptor socket(::socket(broker.address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket) return {};
  const int on = 1;
  ::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (client_number >= kClientsPerAddress && broker.is_loopback_v4() && !bind_source(socket.get(), client_number))
    return {};
  const auto* address = reinterpret_cast<const sockaddr*>(&broker.address);
  if (::connect(socket.get(), address, broker.size) != 0 && errno != EINPROGRESS) return {};
  return socket;
}

int connect_outcome(const Descriptor& socket) {
  int error = 0;
  socklen_t size = sizeof error;
  ::getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &error, &size);
  return error;
}

}  // namespace bramble::bench
