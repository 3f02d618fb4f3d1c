#pragma once

#include <string_view>
#include <vector>

namespace bramble {

/// The names that a line may begin with: of every row, and of what has none.  Threads: any.
std::vector<std::string_view> option_names();

}  // namespace bramble
