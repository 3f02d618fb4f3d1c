#pragma once

#include <string>

#include "broker/config/config.h"
#include "core/base/time.h"

namespace bramble::ctl {

/// Asks the broker that runs on this machine with this configuration whether it answers MQTT, at the listener that says
/// most to somebody without password, certificate or key: by TCP, TLS, WebSocket, behind PROXY headers, over a Unix
/// socket. If that one does not answer, the next is asked. Gives a line for people that says what was asked and
/// answered. A CONNACK is an answer, whatever it says; where a certificate or key is asked for, a TLS alert is, too;
/// and so is to be turned away by a broker that is full. Errors: a line; no answer from any, or no listener that can be
/// asked from here.  Threads: one.
OrMessage<std::string> ask_health(const Config& config, SteadyTime until);

}  // namespace bramble::ctl
