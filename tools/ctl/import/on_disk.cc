#include "tools/ctl/import/on_disk.h"

#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace bramble::ctl {

bool is_there(const std::string& path) {
  struct stat found {};
  return ::lstat(path.c_str(), &found) == 0;
}

bool is_same_file(const std::string& one, const std::string& other) {
  struct stat left {
  }, right{};
  return ::lstat(one.c_str(), &left) == 0 && ::lstat(other.c_str(), &right) == 0 && left.st_dev == right.st_dev &&
         left.st_ino == right.st_ino;
}

int sync(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return errno;
  const int error = ::fsync(descriptor) == 0 ? 0 : errno;
  ::close(descriptor);
  return error;
}

int write_all(int descriptor, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t size = ::write(descriptor, bytes.data(), bytes.size());
    if (size < 0 && errno != EINTR) return errno;
    if (size > 0) bytes.remove_prefix(static_cast<std::size_t>(size));
  }
  return ::fsync(descriptor) == 0 ? 0 : errno;
}

int give(const std::string& path, ::uid_t user, ::gid_t group, ::mode_t mode) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (descriptor < 0) return errno;
  struct stat found {};
  int error = ::fstat(descriptor, &found) == 0 ? 0 : errno;
  const bool one_file = S_ISDIR(found.st_mode) || (S_ISREG(found.st_mode) && found.st_nlink == 1);
  if (error == 0 && !one_file) error = EPERM;
  if (error == 0 && ::fchown(descriptor, user, group) != 0) error = errno;
  if (error == 0 && ::fchmod(descriptor, mode) != 0) error = errno;
  ::close(descriptor);
  return error;
}

}  // namespace bramble::ctl
