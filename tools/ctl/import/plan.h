#pragma once

#include <optional>
#include <string>
#include <vector>

#include "broker/account.h"
#include "broker/config/config.h"
#include "tools/ctl/import/source.h"

namespace bramble::ctl {

/// What was asked for on the command line.
struct ImportWords {
  std::string config_file = "/etc/mosquitto/mosquitto.conf";
  std::string to = "/etc/bramble";
  std::string data = "/var/lib/bramble";
  std::vector<std::string> leave_out;  ///< options that Bramble does not have
  bool dry_run = false;
  bool force = false;
  bool database = false;  ///< it alone
  bool help = false;
};

/// A file that the configuration names, and a copy of it.
struct Copy {
  std::string from;
  std::string to;
  bool secret = false;
};

/// What is to be done, and all that a person should see of it. Nothing of it is done yet.
struct Plan {
  SourceConfig source;
  std::vector<std::pair<std::string, std::string>> config_files;  ///< of the source -> the copy
  std::vector<std::string> folders;                               ///< those that the copies include
  std::vector<Change> changes;
  std::vector<ConfigLine> added;  ///< at the top of the main file
  std::vector<Copy> copies;
  std::vector<std::string> stays;         ///< is read where it is, a line each
  std::vector<std::string> read_no_more;  ///< of the configuration that the copy takes the place of
  std::vector<std::string> attention;     ///< what a person has to see to before the start, a line each
  std::vector<std::string> later;         ///< and what after it
  std::optional<Account> account;
  Config theirs;                   ///< what Bramble makes of it without the lines that are left out
  Config config;                   ///< what Bramble makes of it with the changes
  std::vector<std::string> notes;  ///< of the look at these files
  std::string database;            ///< Mosquitto's; empty: it keeps none

  const std::string& main_file() const { return config_files.front().second; }
};

/// Looks at everything, and writes nothing.  Threads: no other runs.
/// Errors: everything that Bramble refuses, a line each, and how to go on.
OrMessage<Plan> plan_import(const ImportWords& words);

/// With its changes, and the lines that are added.
std::string text_of_copy(const Plan& plan, std::size_t file);

}  // namespace bramble::ctl
