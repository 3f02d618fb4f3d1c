#include "core/topic/match.h"

#include "core/topic/topic.h"

namespace bramble {

bool matches(std::string_view filter, std::string_view topic) {
  const bool leading_wildcard = filter.starts_with('+') || filter.starts_with('#');
  if (leading_wildcard && topic.starts_with('$')) return false;  // [MQTT-4.7.2-1]
  Levels wanted(filter);
  Levels found(topic);
  while (!wanted.done()) {
    const auto level = wanted.next();
    if (level == "#") return true;  // also the level above it: "a/#" matches "a"
    if (found.done()) return false;
    const auto name = found.next();
    if (level != "+" && level != name) return false;
  }
  return found.done();
}

}  // namespace bramble
