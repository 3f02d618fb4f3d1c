#include "tools/ctl/import/placing.h"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <utility>

#include "broker/config/file_remedy.h"
#include "tools/ctl/import/packaged.h"

namespace bramble::ctl {

namespace {

namespace fs = std::filesystem;

constexpr ::mode_t kOwner = 0600, kGroup = 0040, kOthers = 0004;
constexpr std::size_t kBytesMax = 64 << 20;
constexpr const char* kBesideDatabase[] = {"-wal", "-shm", "-journal"};

tl::unexpected<std::string> wrong(std::string message) { return tl::unexpected<std::string>(std::move(message)); }

tl::unexpected<std::string> failed(const std::string& path, int error) {
  return wrong(fmt::format("{}: cannot be written: {}; {}", path, std::generic_category().message(error),
                           write_remedy(path, error)));
}

bool is_there(const std::string& path) {
  std::error_code unknown;
  return fs::exists(fs::symlink_status(path, unknown));
}

/// An errno; 0: on the disk.
int sync(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return errno;
  const int error = ::fsync(descriptor) == 0 ? 0 : errno;
  ::close(descriptor);
  return error;
}

/// An errno; 0: all of it is written.
int write_all(int descriptor, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t size = ::write(descriptor, bytes.data(), bytes.size());
    if (size < 0 && errno != EINTR) return errno;
    if (size > 0) bytes.remove_prefix(static_cast<std::size_t>(size));
  }
  return ::fsync(descriptor) == 0 ? 0 : errno;
}

/// The first of NAME.before-import, NAME.before-import-2, ... that is free.
std::string name_aside(const std::string& path) {
  std::string name = path + ".before-import";
  for (int number = 2; is_there(name); ++number) name = fmt::format("{}.before-import-{}", path, number);
  return name;
}

Placing::There what_is_there(const std::string& path, const std::string& bytes) {
  using There = Placing::There;
  std::error_code unknown;
  if (!is_there(path)) return There::nothing;
  if (!fs::is_regular_file(fs::symlink_status(path, unknown))) return There::other;
  const auto found = read_bytes(path);
  if (!found) return There::other;
  if (*found == bytes) return There::same;
  return is_as_packaged(path, *found) ? There::of_package : There::other;
}

}  // namespace

OrMessage<std::string> read_bytes(const std::string& path) {
  std::error_code error;
  const auto size = fs::file_size(path, error);  // of a folder or a pipe: an error
  if (error || size > kBytesMax) {
    return wrong(fmt::format("{}: cannot be read: {}", path, error ? error.message() : "it has more than 64 MiB"));
  }
  std::string bytes(size, '\0');
  std::ifstream in(path, std::ios::binary);
  if (!in.read(bytes.data(), static_cast<std::streamsize>(size))) {
    return wrong(fmt::format("{}: cannot be read: {}", path, read_remedy(EACCES)));
  }
  return bytes;
}

Placing::~Placing() {
  std::error_code unknown;
  for (std::size_t i = steps_.size(); i-- > 0;) {
    const auto& [now, before] = steps_[i];
    if (now == waiting_) {
      fs::remove_all(now, unknown);
    } else if (!kept_ && before.empty()) {
      fs::remove(now, unknown);
    } else if (!kept_) {
      fs::rename(now, before, unknown);
    }
  }
}

OrMessage<void> Placing::add(std::string bytes, const std::string& to, const std::string& like, bool secret) {
  struct stat source {};
  if (::stat(like.c_str(), &source) != 0) return wrong(like + ": cannot be read");
  const ::mode_t own = kOwner | (account_ ? kGroup : 0);
  const ::mode_t more = source.st_mode & (account_ ? kOthers : kGroup | kOthers);
  const There there = what_is_there(to, bytes);
  files_.push_back({std::move(bytes), to, secret ? own : own | more, there});
  return {};
}

OrMessage<void> Placing::make_folder(const std::string& folder, bool of_account) {
  std::error_code unknown;
  if (folder.empty() || fs::is_directory(folder, unknown)) return {};
  if (auto outer = make_folder(fs::path(folder).parent_path(), false); !outer) return outer;
  if (::mkdir(folder.c_str(), 0700) != 0) return failed(folder, errno);
  made(folder);
  if (!account_) return {};
  const bool given = of_account
                         ? ::chown(folder.c_str(), account_->id, account_->group) == 0
                         : ::chown(folder.c_str(), 0, account_->group) == 0 && ::chmod(folder.c_str(), 0750) == 0;
  if (!given) return failed(folder, errno);
  return {};
}

OrMessage<void> Placing::rename(const std::string& from, const std::string& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) return failed(to, errno);
  steps_.push_back({to, from});
  return {};
}

OrMessage<std::string> Placing::move_aside(const std::string& path) {
  const std::string aside = name_aside(path);
  if (auto done = rename(path, aside); !done) return wrong(std::move(done.error()));
  for (const char* const end : kBesideDatabase) {
    if (!is_there(path + end)) continue;
    if (auto done = rename(path + end, aside + end); !done) return wrong(std::move(done.error()));
  }
  return aside;
}

OrMessage<void> Placing::write(const File& file, const std::string& waiting) const {
  const int descriptor = ::open(waiting.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, kOwner);
  if (descriptor < 0) return failed(waiting, errno);
  int error = write_all(descriptor, file.bytes);
  if (error == 0 && account_ && ::fchown(descriptor, 0, account_->group) != 0) error = errno;
  if (error == 0 && ::fchmod(descriptor, file.mode) != 0) error = errno;
  ::close(descriptor);
  if (error != 0) return failed(file.to, error);
  return {};
}

OrMessage<void> Placing::commit(const std::string& folder) {
  if (auto made = make_folder(folder, false); !made) return made;
  std::string waiting = folder + "/.import-XXXXXX";
  if (::mkdtemp(waiting.data()) == nullptr) {
    const int error = errno;
    return wrong(fmt::format("{}: cannot be written to: {}; {}", folder, std::generic_category().message(error),
                             folder_remedy(folder, error)));
  }
  waiting_ = waiting;
  made(waiting_);
  const auto waits_at = [&](std::size_t number) { return fmt::format("{}/{}", waiting_, number); };
  for (std::size_t i = 0; i < files_.size(); ++i) {
    if (files_[i].there == There::same) continue;
    if (auto written = write(files_[i], waits_at(i)); !written) return written;
  }
  for (std::size_t i = files_.size(); i-- > 0;) {  // the main file is the first, and gets its name last
    File& file = files_[i];
    if (file.there == There::same) continue;
    if (auto made = make_folder(fs::path(file.to).parent_path(), false); !made) return made;
    if (file.there != There::nothing) {
      auto aside = move_aside(file.to);
      if (!aside) return wrong(std::move(aside.error()));
      file.old_is = std::move(*aside);
    }
    if (auto named = rename(waits_at(i), file.to); !named) return named;
    if (const int error = sync(fs::path(file.to).parent_path())) return failed(file.to, error);
  }
  return {};
}

}  // namespace bramble::ctl
