#pragma once

namespace bramble {

/// Where in our source. The compilers' own words, not std::source_location: clang 14 has none.
struct SourcePlace {
  const char* file;
  int line;
  const char* function;
};

/// Stops the process: an invariant of ours is broken, so nothing after this line can be trusted.
/// Never for what a client, a file or a disk did (that is a Result).  Threads: any.
[[noreturn]] void check_failed(const char* why, const SourcePlace& where);

inline void check(bool holds, const char* why, const char* file = __builtin_FILE(), int line = __builtin_LINE(),
                  const char* function = __builtin_FUNCTION()) {
  if (!holds) [[unlikely]] check_failed(why, {file, line, function});
}

}  // namespace bramble
