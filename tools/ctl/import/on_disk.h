#pragma once

#include <string>
#include <string_view>
#include <sys/types.h>

namespace bramble::ctl {

/// A thing of that name, be it a link to nothing.
bool is_there(const std::string& path);
/// Two names of one file.
bool is_same_file(const std::string& one, const std::string& other);

/// These give an errno; 0: done, and on the disk.
int sync(const std::string& path);
int write_all(int descriptor, std::string_view bytes);
/// Of a file or folder that root has just made, in a folder of somebody else's maybe: never of what that one has put in
/// its place since, a link or one more name of a file.
int give(const std::string& path, ::uid_t user, ::gid_t group, ::mode_t mode);

}  // namespace bramble::ctl
