#pragma once

#include <functional>
#include <string>

#include "core/base/result.h"
#include "core/control/protocol.h"

namespace bramble::ctl {

/// Asks a broker at its control_socket, and gives what it answers to `take`, line by line, but for the first and the
/// last. Gives the number in the last.
/// Errors: a line for a person: nobody answers there, and what to write in the configuration; or what the broker said.
OrMessage<std::uint64_t> ask(const std::string& socket, const control::Line& request,
                             const std::function<void(const control::Line& line)>& take);

/// Where `file`, a configuration, has it.  Errors: the file is wrong, or does not say; `wrong_file` tells them apart.
struct NoSocket {
  std::string what;
  bool wrong_file;
};
tl::expected<std::string, NoSocket> control_socket_of(const std::string& file);

}  // namespace bramble::ctl
