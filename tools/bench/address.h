#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "tools/bench/socket.h"

namespace bramble::bench {

/// Where something listens, as the command line says it.
struct Address {
  std::string host;
  std::uint16_t port = 0;

  bool operator==(const Address&) const = default;
};

/// "PORT", "HOST:PORT" or "[HOST]:PORT"; without a host it is loopback. Port 0, which takes any that is free, only
/// where `any_port` says so.
std::optional<Address> read_address(std::string_view text, bool any_port = false);

/// Nothing if the name cannot be looked up.
std::optional<Endpoint::Address> look_up(const Address& address);
bool is_loopback(const Endpoint::Address& address);

/// A socket that listens there; none, with errno set, if that failed.
Descriptor listen_on(const Address& address);

/// The port that a listening socket has got.
std::uint16_t port_of(const Descriptor& listener);

}  // namespace bramble::bench
