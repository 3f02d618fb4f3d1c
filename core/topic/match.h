#pragma once

#include <string_view>

namespace bramble {

/// Does this Topic Filter (without "$share/name/") match this Topic Name? Section 4.7 word for word; the plain
/// reference that access control uses and the tests trust. Both must be valid.  Cost: O(bytes).  Threads: any.
bool matches(std::string_view filter, std::string_view topic);

}  // namespace bramble
