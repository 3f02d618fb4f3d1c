#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "broker/reactor/transport.h"

namespace bramble {

/// A plain TCP connection. Takes over `socket` (non-blocking).
std::unique_ptr<Transport> make_tcp_transport(int socket);

/// "127.0.0.1:1883" or "[::1]:1883" of a socket's own or its peer's end; empty if the kernel does not tell.
std::string socket_name(int socket);
std::string peer_name(int socket);
/// The address of such a name, without port and brackets.
std::string host_of(std::string_view name);

}  // namespace bramble
