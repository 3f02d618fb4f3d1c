#include "core/topic/overlap.h"

#include "core/topic/topic.h"

namespace bramble {
namespace {

bool leads_with_wildcard(std::string_view filter) { return filter.starts_with('+') || filter.starts_with('#'); }
bool is_wildcard(std::string_view level) { return level == "+" || level == "#"; }

/// A filter that has ended is matched by one that has only this left: "a" by "a/#".
bool only_hash_left(Levels& levels) { return levels.next() == "#"; }

}  // namespace

bool covers(std::string_view outer, std::string_view inner) {
  if (leads_with_wildcard(outer) && inner.starts_with('$')) return false;  // [MQTT-4.7.2-1]
  Levels wide(outer);
  Levels narrow(inner);
  while (!wide.done() && !narrow.done()) {
    const auto level = wide.next();
    if (level == "#") return true;
    const auto inside = narrow.next();
    if (inside == "#") return false;  // it matches what has fewer levels too
    if (level != "+" && level != inside) return false;
  }
  if (!wide.done()) return only_hash_left(wide);
  return narrow.done();
}

bool overlap(std::string_view one, std::string_view other) {
  if (leads_with_wildcard(one) && other.starts_with('$')) return false;  // [MQTT-4.7.2-1]
  if (leads_with_wildcard(other) && one.starts_with('$')) return false;
  Levels left(one);
  Levels right(other);
  while (!left.done() && !right.done()) {
    const auto a = left.next();
    const auto b = right.next();
    if (a == "#" || b == "#") return true;
    if (!is_wildcard(a) && !is_wildcard(b) && a != b) return false;
  }
  if (!left.done()) return only_hash_left(left);
  if (!right.done()) return only_hash_left(right);
  return true;
}

}  // namespace bramble
