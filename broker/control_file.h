#pragma once

#include <optional>

#include "broker/config/config.h"
#include "broker/net/bound_socket.h"

namespace bramble {

/// The socket of the option control_socket, mode 0600, of the account that the broker is going to run as. Nothing
/// without the option. Before root is left behind; in a folder that is root's the file stays when the broker ends, and
/// the next start replaces it.  Threads: main.  Errors: a line with where the option stands.
OrMessage<std::optional<BoundSocket>> open_control_socket(const Config& config);

}  // namespace bramble
