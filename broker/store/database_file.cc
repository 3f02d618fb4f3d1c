#include "broker/store/database_file.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <fcntl.h>
#include <fmt/format.h>
#include <optional>
#include <sys/file.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <vector>

#include "broker/config/file_remedy.h"
#include "core/base/bytes.h"

namespace bramble {

namespace {

std::string reason(int error) { return std::generic_category().message(error); }

std::string cannot_open(const std::string& path, int error) {
  return fmt::format("cannot open {}: {}; {}", path, reason(error), write_remedy(path, error));
}

/// False: somebody else has it. A file system without such locks leaves it to SQLite's.
bool lock(int descriptor) { return ::flock(descriptor, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK; }

bool names(const std::string& path, int descriptor) {
  struct stat named {};
  struct stat held {};
  return ::stat(path.c_str(), &named) == 0 && ::fstat(descriptor, &held) == 0 && named.st_ino == held.st_ino &&
         named.st_dev == held.st_dev;
}

std::uint64_t size_of(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 ? static_cast<std::uint64_t>(status.st_size) : 0;
}

bool exists(const std::string& path) {
  struct stat status {};
  return ::lstat(path.c_str(), &status) == 0;
}

bool is_file(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode);
}

/// The bytes before the first that the disk does not give; nothing: it gives all.
std::optional<std::string> before_bad_place(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return std::nullopt;
  std::string bytes;
  char block[4096];
  ssize_t got = 0;
  while ((got = ::pread(descriptor, block, sizeof block, static_cast<off_t>(bytes.size()))) > 0) {
    bytes.append(block, static_cast<std::size_t>(got));
  }
  ::close(descriptor);
  return got < 0 ? std::optional(std::move(bytes)) : std::nullopt;
}

/// False, with errno: not all of it is on the disk.
bool write_synced(const std::string& path, std::string_view bytes) {
  const int descriptor = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (descriptor < 0) return false;
  bool done = true;
  while (done && !bytes.empty()) {
    const ssize_t put = ::write(descriptor, bytes.data(), bytes.size());
    done = put > 0;
    if (done) bytes.remove_prefix(static_cast<std::size_t>(put));
  }
  done = done && ::fsync(descriptor) == 0;
  const int error = errno;
  ::close(descriptor);
  errno = error;
  return done;
}

std::string free_name_beside(const std::string& path) {
  for (int number = 1;; ++number) {
    std::string name = fmt::format("{}.damaged-{}", path, number);
    if (!exists(name) && !exists(name + "-wal")) return name;
  }
}

}  // namespace

OrMessage<std::string> set_log_aside(const std::filesystem::path& file) {
  const std::string path = file.string();
  const std::string log = path + "-wal";
  if (size_of(path) != 0 || size_of(log) == 0) return std::string();
  const std::string aside = free_name_beside(path) + "-wal";
  if (std::rename(log.c_str(), aside.c_str()) != 0) {
    const int error = errno;
    return tl::unexpected(fmt::format("cannot move aside {}: {}; {}", log, reason(error), write_remedy(log, error)));
  }
  sync_folder(file);
  return fmt::format("{} is not there, or empty, but its log is: that is {} now, and what is in it is not read", path,
                     aside);
}

void sync_folder(const std::filesystem::path& file) {
  const std::string folder = file.parent_path().empty() ? "." : file.parent_path().string();
  const int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return;
  ::fsync(descriptor);
  ::close(descriptor);
}

std::string in_use(const std::string& path) {
  return fmt::format("{} is in use by another process (another bramble?): stop that one, or name another file", path);
}

OrMessage<DatabaseFile> DatabaseFile::take(const std::filesystem::path& path) {
  const std::string name = path.string();
  const int descriptor = ::open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0600);
  if (descriptor < 0) return tl::unexpected(cannot_open(name, errno));
  struct stat status {};
  ::fstat(descriptor, &status);
  DatabaseFile file(name, descriptor, status.st_size == 0);
  if (!S_ISREG(status.st_mode)) return tl::unexpected(fmt::format("{} is no file: name another", name));
  if (exists(file.log_path()) && !is_file(file.log_path())) {
    return tl::unexpected(fmt::format("{} is no file, and its name is that of the log: move it away", file.log_path()));
  }
  // Another name in the meantime: who had the lock has put a new file there, and is still at work.
  if (!lock(descriptor) || !file.in_place()) return tl::unexpected(in_use(name));
  file.remove_fresh();
  if (file.created()) {
    auto aside = set_log_aside(path);
    if (!aside) return tl::unexpected(std::move(aside.error()));
    file.log_aside_ = std::move(*aside);
    ::fchmod(descriptor, 0600);  // one that somebody has made for us, too
    sync_folder(path);
  }
  return file;
}

DatabaseFile::~DatabaseFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

bool DatabaseFile::in_place() const { return names(path_, descriptor_); }

std::uint64_t DatabaseFile::bytes() const { return size_of(path_) + size_of(log_path()); }

OrMessage<std::string> DatabaseFile::make_fresh() const {
  if (const int error = remove_fresh(); error != 0) {
    return tl::unexpected(fmt::format("cannot remove {}: {}", fresh_path(), reason(error)));
  }
  const int descriptor = ::open(fresh_path().c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (descriptor < 0) return tl::unexpected(cannot_open(fresh_path(), errno));
  ::close(descriptor);
  return fresh_path();
}

int DatabaseFile::remove_fresh() const {
  for (const auto& name : {fresh_log_path(), fresh_path() + "-wal", fresh_path() + "-journal", fresh_path()}) {
    if (::unlink(name.c_str()) != 0 && errno != ENOENT) return errno;
  }
  return 0;
}

std::string DatabaseFile::failed(const char* what) const {
  const int error = errno;
  return fmt::format("cannot {} {}: {}", what, path_, reason(error));
}

/// What replace() has done of its work before it failed.
void DatabaseFile::put_back(const std::string& aside) const {
  exists(path_) ? ::unlink(aside.c_str()) : std::rename(aside.c_str(), path_.c_str());
  std::rename((aside + "-wal").c_str(), log_path().c_str());
}

// The log goes first: beside a new file it would be taken for that one's.
OrMessage<std::string> DatabaseFile::replace() {
  const int descriptor = ::open(fresh_path().c_str(), O_RDWR | O_CLOEXEC);
  if (descriptor < 0) return tl::unexpected(cannot_open(fresh_path(), errno));
  lock(descriptor);
  const std::string aside = free_name_beside(path_);
  const bool moved = (size_of(log_path()) == 0 || std::rename(log_path().c_str(), (aside + "-wal").c_str()) == 0) &&
                     (::link(path_.c_str(), aside.c_str()) == 0 || std::rename(path_.c_str(), aside.c_str()) == 0);
  if (!moved || std::rename(fresh_path().c_str(), path_.c_str()) != 0) {
    std::string line = failed("move aside");
    put_back(aside);
    ::close(descriptor);
    return tl::unexpected(std::move(line));
  }
  ::unlink(log_path().c_str());  // an empty one
  sync_folder(path_);
  ::close(std::exchange(descriptor_, descriptor));
  return aside;
}

OrMessage<std::string> DatabaseFile::cut_log() const {
  const auto good = before_bad_place(log_path());
  if (!good) return std::string();
  const std::string aside = free_name_beside(path_) + "-wal";
  const bool done = write_synced(fresh_log_path(), *good) && std::rename(log_path().c_str(), aside.c_str()) == 0;
  if (!done || std::rename(fresh_log_path().c_str(), log_path().c_str()) != 0) {
    const int error = errno;
    if (done) std::rename(aside.c_str(), log_path().c_str());
    ::unlink(fresh_log_path().c_str());
    return tl::unexpected(fmt::format("cannot put aside {}, which cannot be read: {}", log_path(), reason(error)));
  }
  sync_folder(path_);
  return fmt::format(
      "{} cannot be read behind its first {} bytes: it is {} now, and what is in it from there on is lost", log_path(),
      good->size(), aside);
}

std::uint64_t DatabaseFile::pages_in_log(int frames) const {
  constexpr off_t kHeader = 32;
  constexpr off_t kFrame = 24 + 4096;
  const int descriptor = ::open(log_path().c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return 0;
  std::vector<std::uint32_t> pages;
  for (int frame = 0; frame < frames; ++frame) {
    char page[4];
    if (::pread(descriptor, page, sizeof page, kHeader + frame * kFrame) != sizeof page) break;
    pages.push_back(ByteReader({page, sizeof page}).u32());
  }
  ::close(descriptor);
  std::sort(pages.begin(), pages.end());
  return static_cast<std::uint64_t>(std::unique(pages.begin(), pages.end()) - pages.begin());
}

}  // namespace bramble
