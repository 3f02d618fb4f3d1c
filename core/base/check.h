#pragma once

namespace bramble {

/// Stops the process: an invariant of ours is broken, so nothing after this line can be trusted.
/// Never for what a client, a file or a disk did (that is a Result).  Threads: any.
[[noreturn]] void check_failed(const char* why, const char* file, int line);

// The built-ins rather than std::source_location: clang 14, which builds the fuzzers, does not have that one.
inline void check(bool holds, const char* why, const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
  if (!holds) [[unlikely]]
    check_failed(why, file, line);
}

}  // namespace bramble
