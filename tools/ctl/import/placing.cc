#include "tools/ctl/import/placing.h"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <set>
#include <string_view>
#include <sys/file.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <utility>

#include "broker/config/file_remedy.h"
#include "tools/ctl/import/on_disk.h"
#include "tools/ctl/import/packaged.h"

namespace bramble::ctl {

namespace {

namespace fs = std::filesystem;

constexpr ::mode_t kOwner = 0600, kGroup = 0040, kOthers = 0004;
constexpr std::size_t kBytesMax = 64 << 20;
constexpr std::string_view kWaiting = ".import-", kAnyName = "XXXXXX";  // of mkdtemp
constexpr const char* kBesideDatabase[] = {"-wal", "-shm", "-journal"};

tl::unexpected<std::string> wrong(std::string message) { return tl::unexpected<std::string>(std::move(message)); }

tl::unexpected<std::string> failed(const std::string& path, int error) {
  return wrong(fmt::format("{}: cannot be written: {}; {}", path, std::generic_category().message(error),
                           write_remedy(path, error)));
}

/// The first of NAME.before-import, NAME.before-import-2, ... that is free, or a name of that very file.
std::string name_aside(const std::string& path) {
  std::string name = path + ".before-import";
  for (int number = 2; is_there(name) && !is_same_file(name, path); ++number) {
    name = fmt::format("{}.before-import-{}", path, number);
  }
  return name;
}

bool is_database_with_more(const std::string& path) {
  return std::ranges::any_of(kBesideDatabase, [&](const char* end) { return is_there(path + end); });
}

/// Folders in which files of one that was interrupted wait.
std::vector<fs::path> left_behind(const std::string& folder) {
  std::vector<fs::path> found;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    const bool waits = name.starts_with(kWaiting) && name.size() == kWaiting.size() + kAnyName.size();
    if (waits && fs::is_directory(entry->symlink_status(error))) found.push_back(entry->path());
  }
  return found;
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
  keep_no_waiting();
  if (!kept_) std::for_each(steps_.rbegin(), steps_.rend(), undo);
  if (lock_ >= 0) ::close(lock_);
}

void Placing::keep() {
  kept_ = true;
  keep_no_waiting();
}

void Placing::keep_no_waiting() {
  std::error_code unknown;
  if (!waiting_.empty()) fs::remove_all(waiting_, unknown);
}

void Placing::undo(const Step& step) {
  std::error_code unknown;
  if (step.before.empty() || is_same_file(step.now, step.before)) {
    fs::remove(step.now, unknown);
  } else if (is_there(step.now) && ::rename(step.now.c_str(), step.before.c_str()) != 0) {
    fs::remove(step.before, unknown);  // a file, and a folder was there
    fs::rename(step.now, step.before, unknown);
  }
}

bool Placing::was_interrupted() const { return !left_behind(folder_).empty(); }

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
  const int error =
      of_account ? give(folder, account_->id, account_->group, 0700) : give(folder, 0, account_->group, 0750);
  if (error != 0) return failed(folder, error);
  return {};
}

OrMessage<void> Placing::rename(const std::string& from, const std::string& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) return failed(to, errno);
  steps_.push_back({to, from});
  return {};
}

/// A file has its own name still, where the file system lets it have two: so that it is never missing. What SQLite has
/// beside it goes along, and would be taken for a new one's.
OrMessage<std::string> Placing::set_aside(const std::string& path) {
  const auto first = static_cast<std::ptrdiff_t>(steps_.size());
  const std::string aside = name_aside(path);
  if (is_same_file(aside, path) || ::link(path.c_str(), aside.c_str()) == 0) {
    steps_.push_back({aside, path});
  } else if (is_there(path)) {
    if (auto done = rename(path, aside); !done) return wrong(std::move(done.error()));
  }
  for (const char* const end : kBesideDatabase) {
    if (!is_there(path + end)) continue;
    if (auto done = rename(path + end, aside + end); !done) return wrong(std::move(done.error()));
  }
  if (is_there(aside)) std::rotate(steps_.begin() + first, steps_.begin() + first + 1, steps_.end());  // undone first
  return aside;
}

OrMessage<std::string> Placing::put(const std::string& from, const std::string& to) {
  const bool is_new = !is_there(to);
  auto aside = is_new && !is_database_with_more(to) ? OrMessage<std::string>() : set_aside(to);
  if (!aside) return aside;
  if (::rename(from.c_str(), to.c_str()) != 0) return failed(to, errno);
  if (is_new) made(to);
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

std::string Placing::waits_at(std::size_t file) const { return fmt::format("{}/{}", waiting_, file); }

OrMessage<void> Placing::lock(const std::string& source) {
  lock_ = ::open(source.c_str(), O_RDONLY | O_CLOEXEC);
  if (lock_ >= 0 && ::flock(lock_, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
    return wrong(source + ": another import of it is at work");
  }
  return {};
}

/// As it was before one that was interrupted.
OrMessage<void> Placing::take_folder() {
  if (auto made = make_folder(folder_, false); !made) return made;
  std::error_code unknown;
  for (const fs::path& old : left_behind(folder_)) fs::remove_all(old, unknown);
  std::string waiting = fmt::format("{}/{}{}", folder_, kWaiting, kAnyName);
  if (::mkdtemp(waiting.data()) == nullptr) {
    const int error = errno;
    return wrong(fmt::format("{}: cannot be written to: {}; {}", folder_, std::generic_category().message(error),
                             folder_remedy(folder_, error)));
  }
  waiting_ = waiting;
  return {};
}

OrMessage<void> Placing::prepare() {
  if (auto taken = take_folder(); !taken) return taken;
  for (const std::string& folder : folders_) {
    if (auto made = make_folder(folder, false); !made) return made;
  }
  for (std::size_t i = 0; i < files_.size(); ++i) {
    if (files_[i].there == There::same) continue;
    if (auto made = make_folder(fs::path(files_[i].to).parent_path(), false); !made) return made;
    if (auto written = write(files_[i], waits_at(i)); !written) return written;
  }
  return {};
}

OrMessage<void> Placing::give_names() {
  std::set<std::string> folders;
  for (std::size_t i = files_.size(); i-- > 0;) {  // the main file is the first, and gets its name last
    File& file = files_[i];
    if (file.there == There::same) continue;
    auto aside = put(waits_at(i), file.to);
    if (!aside) return wrong(std::move(aside.error()));
    file.old_is = std::move(*aside);
    folders.insert(fs::path(file.to).parent_path());
  }
  for (const std::string& folder : folders) {
    if (const int error = sync(folder)) return failed(folder, error);
  }
  return {};
}

}  // namespace bramble::ctl
