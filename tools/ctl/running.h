#pragma once

#include <string>

#include "core/base/result.h"
#include "core/base/time.h"

namespace bramble::ctl {

/// Asks the broker that runs in this container whether it is well, whatever its configuration was: where it listens is
/// seen in /proc. Gives a line for people.
/// A CONNECT is sent; that something comes back, or that the connection is closed, is an answer: TLS, WebSocket and the
/// PROXY protocol do so with what they do not understand, and a broker that hangs does neither.
/// Errors: a line; none that runs, none of whose TCP sockets may be seen (the account must be the broker's), or no
/// answer.  Threads: one.
OrMessage<std::string> ask_running(SteadyTime until);

}  // namespace bramble::ctl
