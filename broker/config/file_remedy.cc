#include "broker/config/file_remedy.h"

#include <cerrno>
#include <filesystem>
#include <fmt/format.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

namespace bramble {

namespace {

std::string running_as() {
  const passwd* const account = ::getpwuid(::geteuid());
  return account != nullptr ? account->pw_name : std::to_string(::geteuid());
}

}  // namespace

std::string read_remedy(int error) {
  switch (error) {
    case ENOENT: return "check the path";
    case EACCES: return fmt::format("running as {}: let that account read it", running_as());
    default: return "name another path";
  }
}

std::string write_remedy(const std::string& path, int error) {
  const std::string folder = std::filesystem::path(path).parent_path();
  std::error_code no_link;
  const auto target = std::filesystem::read_symlink(path, no_link);
  if (error == ENOENT && !no_link) {
    const auto where = std::filesystem::path(folder) / target;
    return fmt::format("it is a link to {}: create the folder {}", where.string(), where.parent_path().string());
  }
  const std::string account = running_as();
  switch (error) {
    case ENOENT: return fmt::format("create the folder {}", folder);
    case ENOTDIR: return fmt::format("name a path whose {} is a folder", folder);
    case EISDIR: return "name a file in it";
    case ENXIO: return "it is a pipe or a socket that nobody reads: name a file";
    case EACCES:
      return fmt::format("running as {}: `touch {} && chown {} {}`, or name another path", account, path, account,
                         path);
    case EROFS: return "name another path, or let a service write there: ReadWritePaths= of its unit";
    default: return "name another path";
  }
}

std::string folder_remedy(const std::string& path, int error) {
  const std::string account = running_as();
  if (error == ENOENT) return fmt::format("create the folder {}", std::filesystem::path(path).parent_path().string());
  if (error == EROFS) return "name another folder, or let a service write there: ReadWritePaths= of its unit";
  if (error != EACCES) return "name another folder";
  struct stat folder {};
  if (::stat(path.c_str(), &folder) == 0) {
    return fmt::format("running as {}: `chown -R {} {}`, or name another folder", account, account, path);
  }
  if (errno == EACCES) return fmt::format("running as {}, who has no way there: name another folder", account);
  return fmt::format("running as {}: as root `mkdir {} && chown {} {}`, or name another folder", account, path, account,
                     path);
}

}  // namespace bramble
