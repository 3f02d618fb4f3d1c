#pragma once

#include <cstddef>
#include <string_view>

namespace bramble::control {

/// Does the whole text look like this? `*`: anything; `?`: one character; `[a-f]`, `[!a-f]`: one of these, none of
/// these; `\` before a character takes it as it is. Characters are code points of UTF-8. As fnmatch(), which takes for
/// ever where many `*` are.
/// Cost: O(pattern x text), mostly O(text).  Threads: any.
bool looks_like(std::string_view text, std::string_view pattern);

inline constexpr std::size_t kPatternBytesMax = 1024;

}  // namespace bramble::control
