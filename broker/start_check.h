#pragma once

#include <string>
#include <vector>

#include "broker/config/config.h"

namespace bramble {

/// Would a start with this configuration go well, as far as that shows without one? Reads the files that it names and
/// looks for the account; writes and creates nothing, opens no port, and asks for no passphrase. Gives what it could
/// not look at therefore, a line each.  Threads: main, and no other runs: it forks. Errors: the first that a start
/// would end with, as a line for a person.
OrMessage<std::vector<std::string>> check_start(const Config& config, bool has_config_file);

}  // namespace bramble
