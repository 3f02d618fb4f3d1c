#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace bramble::ctl {

/// Text that somebody else chose, as it may stand on a terminal: what is no printable character of its own width, and
/// '\', is written as \n, \x1b, \u{202e}; so it cannot move the cursor, nor end a line, nor turn the text round.
std::string printable(std::string_view text);

/// Lines of cells below each other, the first line the heads. Cells are printable(), and cut at 40 columns with '…'.
std::string table(const std::vector<std::vector<std::string>>& rows);

}  // namespace bramble::ctl
