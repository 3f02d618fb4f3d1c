#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "broker/config/option_row.h"

namespace bramble {

/// One line that sets something: `name value`. Blanks around both are gone; the value may be empty and may hold blanks.
struct ConfigLine {
  std::string name;
  std::string value;
  std::string where;     ///< FILE:LINE, for messages
  std::size_t file = 0;  ///< 0 is the file that was asked for, then one number for each included file
};

/// Some editors begin a file with it; no line has it.
inline constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

/// The text of a file that a person writes. Errors: why it cannot be read, holds a zero byte or has more than 16 MiB,
/// as the end of "FILE".
OrMessage<std::string> read_text_file(const std::string& path);

/// The lines of one text in mosquitto.conf's language: `#` as the first character of a line begins a comment, empty
/// lines do not count, lines end in LF or CR LF, and a byte order mark before the first is skipped. Never fails: any
/// bytes are lines.  Threads: any.
std::vector<ConfigLine> split_config(std::string_view text, std::string_view file_name, std::size_t file = 0);

/// The files that an `include_dir` of that folder reads, in their order. Errors: a line.
OrMessage<std::vector<std::string>> conf_files(const std::string& folder);

/// The lines of the file at `path`, and of every *.conf of each `include_dir`, but for one named just .conf, in its
/// place, in Mosquitto's order: letter by letter, the upper case of a letter before its lower case. An included file
/// may not include others. Errors: a file or folder that cannot be read, holds a zero byte or has more than 16 MiB, by
/// name and by the line that asked for it.
OrMessage<std::vector<ConfigLine>> read_config_file(const std::string& path);

}  // namespace bramble
