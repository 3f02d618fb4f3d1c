#pragma once

#include <string>
#include <vector>

#include "tools/ctl/options.h"

namespace bramble::ctl {

// Exit statuses.
inline constexpr int kDone = 0;       ///< explain: it is allowed
inline constexpr int kFailed = 1;     ///< explain: it is denied
inline constexpr int kBadWords = 2;   ///< the command line
inline constexpr int kBadConfig = 3;  ///< a configuration, or a file that it names
inline constexpr int kTimedOut = 27;  ///< sub -W, as mosquitto_sub

// Each says on stderr what is wrong and returns the exit status.
int publish(const Options& options);
int subscribe(const Options& options);
int ping(const Options& options);
int show_config_file(const std::string& file);
int explain(const std::vector<std::string>& words);
int clients(const std::vector<std::string>& words);
int store(const std::vector<std::string>& words);
int import_mosquitto(const std::vector<std::string>& words);

/// "bramble-ctl: what", on stderr.
int fail(int status, const std::string& what);
/// On stdout, and out of this program.  False: it cannot be written to.
bool print(std::string_view text);

std::string usage_of_explain();
std::string usage_of_clients();

}  // namespace bramble::ctl
