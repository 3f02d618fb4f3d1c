#include "tools/bench/address.h"

#include <cerrno>
#include <charconv>
#include <cstring>
#include <netinet/in.h>

namespace bramble::bench {

std::optional<Address> read_address(std::string_view text, bool any_port) {
  const auto colon = text.rfind(':');
  std::string_view host = colon == std::string_view::npos ? "127.0.0.1" : text.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  const std::string_view digits = colon == std::string_view::npos ? text : text.substr(colon + 1);
  Address address{.host = std::string(host)};
  const auto [end, fault] = std::from_chars(digits.data(), digits.data() + digits.size(), address.port);
  if (fault != std::errc{} || end != digits.data() + digits.size() || host.empty()) return std::nullopt;
  if (address.port == 0 && !any_port) return std::nullopt;
  return address;
}

std::optional<Endpoint::Address> look_up(const Address& address) {
  std::string fault;
  const auto found = resolve(address.host, address.port, {}, fault);
  return found ? std::optional(found->broker) : std::nullopt;
}

bool is_loopback(const Endpoint::Address& address) {
  if (address.address.ss_family == AF_INET6) {
    sockaddr_in6 v6{};
    std::memcpy(&v6, &address.address, sizeof v6);
    return IN6_IS_ADDR_LOOPBACK(&v6.sin6_addr);
  }
  sockaddr_in v4{};
  std::memcpy(&v4, &address.address, sizeof v4);
  return ntohl(v4.sin_addr.s_addr) >> 24 == 127;
}

Descriptor listen_on(const Address& address) {
  const auto endpoint = look_up(address);
  if (!endpoint) {
    errno = EADDRNOTAVAIL;
    return {};
  }
  Descriptor listener(::socket(endpoint->address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const int on = 1;
  ::setsockopt(listener.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  const auto* where = reinterpret_cast<const sockaddr*>(&endpoint->address);
  if (!listener || ::bind(listener.get(), where, endpoint->size) != 0 || ::listen(listener.get(), 16) != 0) return {};
  return listener;
}

std::uint16_t port_of(const Descriptor& listener) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  ::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &size);
  sockaddr_in v4{};
  std::memcpy(&v4, &address, sizeof v4);  // the port of an IPv6 address is in the same place
  return ntohs(v4.sin_port);
}

}  // namespace bramble::bench
