#pragma once

#include <map>
#include <string>
#include <string_view>

namespace bramble {

/// Where values came from: the name of an option's row -> FILE:LINE of the line that counts, or of every line of an
/// option that may be given several times, with commas between; a flag of the command line. No entry: the default.
using Origins = std::map<std::string_view, std::string>;

}  // namespace bramble
