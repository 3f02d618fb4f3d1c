#pragma once

#include <string>
#include <vector>

#include "broker/config/config_file.h"

namespace bramble {

/// Options that the environment gives: BRAMBLE_MAX_QOS=1 is the line `max_qos 1`, and the dot of an option's name is a
/// `_` there. A container is told so what stands in no file.  Threads: any.
struct EnvironmentLines {
  std::vector<ConfigLine> lines;      ///< with the variable's name as their place; also those that are no option
  std::vector<std::string> warnings;  ///< variables that begin so and are meant for others
};

/// `environment`: NAME=VALUE, ends with nullptr, as ::environ.
EnvironmentLines environment_lines(const char* const* environment);

/// The lines of the file with those of the environment before the first listener. What the environment gives is not
/// taken from the file too, unless it is of one listener there; `warnings` tells of what is left out.
std::vector<ConfigLine> with_environment(std::vector<ConfigLine> file, std::vector<ConfigLine> environment,
                                         std::vector<std::string>& warnings);

}  // namespace bramble
