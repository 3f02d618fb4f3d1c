#include "broker/config/config.h"

#include <algorithm>

#include "broker/config/reading.h"

namespace bramble {

std::string Config::at(std::string_view option, std::string_view value_end) const {
  const auto given = std::ranges::find_if(lines.rbegin(), lines.rend(), [&](const ConfigLine& line) {
    return meant_by(line.name) == option && line.value.ends_with(value_end);
  });
  return given == lines.rend() ? std::string(option) + ": " : given->where + ": " + given->name + ": ";
}

OrMessage<Config> make_config(const std::vector<ConfigLine>& lines, const std::vector<std::uint16_t>& ports) {
  Reading reading;
  for (const ConfigLine& line : lines) reading.read(line);
  return reading.finish(ports);
}

}  // namespace bramble
