#pragma once

#include <string>

#include "broker/config/config.h"

namespace bramble {

/// What `bramble --test-config` and `bramble-ctl config show` print about a configuration that is right: the three
/// parts below. It names the files of passwords and keys, and shows nothing of what is in them.  Threads: main.
std::string show_config(const Config& config);

/// Every option with its value and where that comes from: FILE:LINE, a flag of the command line, or "default".
std::string show_options(const Config& config);

/// For each listener: who can reach it, whether it is encrypted, who may connect and read and write what, and warnings
/// of what people regret. Looks at the modes of the files that hold secrets.
std::string show_security(const Config& config);

/// Where Mosquitto 1.x, 2.0 or 2.1 would make something else of these lines, or of what they leave out.
std::string show_differences(const Config& config);

/// "port 1883 of 127.0.0.1", "port 1883 of all addresses", "Unix socket /run/bramble".
std::string listener_name(const ListenerOptions& listener);
/// Who gets past CONNECT here, as a sentence.
std::string who_may_connect(const ListenerOptions& listener);
/// The user is whoever a certificate or key names: no password is asked for.
bool user_by_certificate(const ListenerOptions& listener);
/// Where the value of an option came from: FILE:LINE, a flag of the command line, or "default".
std::string where_from(std::string_view option, const Origins& origins);
/// Surely: whoever connects is on this machine. False for a host name other than localhost.
bool only_this_machine(const ListenerOptions& listener);

}  // namespace bramble
