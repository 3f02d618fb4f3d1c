#pragma once

#include <string_view>

namespace bramble {

/// What two Topic Filters (without "$share/name/") have to do with each other, as sets of topics by section 4.7. All
/// must be valid.  Cost: O(bytes).  Threads: any.

/// Is every topic that `inner` matches matched by `outer` too? May say no where it is so by luck ("+/#" covers "#").
bool covers(std::string_view outer, std::string_view inner);

/// Is there a topic that both match?
bool overlap(std::string_view one, std::string_view other);

}  // namespace bramble
