#pragma once

#include <cstdint>
#include <string>
#include <unistd.h>
#include <vector>

#include "broker/config/config.h"
#include "broker/config/container.h"

namespace bramble {

/// Exit statuses that scripts written for Mosquitto know.
inline constexpr int kExitOk = 0;
inline constexpr int kExitStartFailed = 1;  ///< a port that cannot be opened, a user that does not exist
inline constexpr int kExitBadConfig = 3;    ///< a wrong flag, a wrong line in a file

/// What was asked for on the command line.
struct CommandLine {
  std::string config_file;           ///< -c; empty: none
  std::vector<std::uint16_t> ports;  ///< -p, in order
  std::string tls_keylog;            ///< --tls-keylog; empty: none
  bool verbose = false;              ///< -v: every type of log line
  bool quiet = false;                ///< -q: no log at all, over -v and the file
  bool daemon = false;               ///< -d
  bool test_config = false;          ///< --test-config: read, say what is wrong, end
  bool container = false;            ///< --container: options from `environment`, and without -c a file from `places`
  const char* const* environment = ::environ;  ///< as it is when options are read; ends with a null
  ContainerPlaces places;                      ///< where it looks
  bool first_start = false;                    ///< config_file is not there yet: the start makes it
  bool version = false;                        ///< --version
  bool help = false;                           ///< -h, --help
};

/// Errors: one line such as "Error: Unknown option '-x'.", for stderr; the status is kExitBadConfig.
OrMessage<CommandLine> parse_command_line(int argc, const char* const* argv);

/// With --container and without -c: names the file that counts, for good: a reload reads that one again.
void find_config_file(CommandLine& command_line);

/// What -h prints.
std::string usage();
/// What --version prints: "bramble version 0.1.0".
std::string version_line();

/// The configuration that the file, the flags and with --container the environment make together.  Errors: as
/// make_config's and read_config_file's.
OrMessage<Config> load_config(const CommandLine& command_line);

}  // namespace bramble
