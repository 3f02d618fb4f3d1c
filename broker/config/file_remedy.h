#pragma once

#include <string>

namespace bramble {

/// What a person can do about a file that cannot be opened for the reason `error` (an errno): the end of a message,
/// such as "running as nobody: `touch /x && chown nobody /x`, or name another path".  Threads: main.
std::string read_remedy(int error);
std::string write_remedy(const std::string& path, int error);
/// Of a folder that cannot be made, if there is none, or written to.
std::string folder_remedy(const std::string& path, int error);

}  // namespace bramble
