#pragma once

#include <source_location>

namespace bramble {

/// Stops the process: an invariant of ours is broken, so nothing after this line can be trusted.
/// Never for what a client, a file or a disk did (that is a Result).  Threads: any.
[[noreturn]] void check_failed(const char* why, const std::source_location& where);

inline void check(bool holds, const char* why, const std::source_location& where = std::source_location::current()) {
  if (!holds) [[unlikely]] check_failed(why, where);
}

}  // namespace bramble
