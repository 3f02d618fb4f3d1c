#pragma once

#include <optional>
#include <string>
#include <vector>

#include "broker/config/config.h"
#include "tools/ctl/import/account.h"
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
  std::vector<Change> changes;
  std::vector<Copy> copies;
  std::vector<std::string> stays;      ///< is read where it is, a line each
  std::vector<std::string> attention;  ///< what a person has to see to before the start, a line each
  std::optional<ServiceAccount> account;
  Config theirs;                   ///< what Bramble makes of it without the lines that are left out
  Config config;                   ///< what Bramble makes of it with the changes
  std::vector<std::string> notes;  ///< of the look at these files
  std::string database;            ///< Mosquitto's; empty: it keeps none
};

/// Looks at everything, and writes nothing.  Threads: no other runs.
/// Errors: everything that Bramble refuses, a line each, and how to go on.
OrMessage<Plan> plan_import(const ImportWords& words);

/// Root's, or that account's, configuration: with the line that says who the broker is to be, if none does.
std::string text_of_copy(const Plan& plan, std::size_t file);

}  // namespace bramble::ctl
