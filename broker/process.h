#pragma once

#include <string>

#include "broker/config/config.h"

namespace bramble {

/// What a Unix daemon does around its work.  Threads: main, before any other runs.
/// Errors: a line for a person.

/// As many descriptors as the system lets us have: each client takes one.
void raise_file_limit();
/// Leaves root behind, if started as root: the option `user`; else, with a file, mosquitto, bramble or nobody, without
/// one bramble or nobody, whichever exists first. Gives the account's name, empty if nothing was changed.
OrMessage<std::string> drop_privileges(const BrokerOptions& options, bool has_config_file);
OrMessage<void> write_pid_file(const std::string& path);
void remove_pid_file(const std::string& path);
/// To the background: the parent ends with status 0.
OrMessage<void> become_daemon();

}  // namespace bramble
