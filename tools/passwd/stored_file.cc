#include "tools/passwd/stored_file.h"

#include <cerrno>
#include <cstdlib>
#include <fcntl.h>
#include <memory>
#include <sys/file.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace bramble::passwd {

namespace {

constexpr std::size_t kFileBytesMax = 64u << 20;

std::string reason(int error) {
  std::string text = std::generic_category().message(error);
  if (error == EACCES || error == EPERM) text += "; run this as its owner or as root";
  if (error == EBUSY) text += "; it is mounted by itself, so it cannot be replaced: mount its folder instead";
  return text;
}

tl::unexpected<std::string> wrong(const std::string& file, const std::string& what) {
  return tl::unexpected<std::string>(file + ": " + what);
}

/// Where `path` leads.  Errors: an errno.
tl::expected<std::string, int> without_links(const std::string& path) {
  const std::unique_ptr<char, void (*)(void*)> real(::realpath(path.c_str(), nullptr), &std::free);
  if (!real) return tl::unexpected<int>(errno);
  return std::string(real.get());
}

bool is_link(const std::string& path) {
  struct stat found {};
  return ::lstat(path.c_str(), &found) == 0 && S_ISLNK(found.st_mode);
}

std::string folder_of(const std::string& path) {
  const auto slash = path.rfind('/');
  return slash == std::string::npos ? "." : path.substr(0, slash + 1);
}

/// Without this a power cut can bring the old file back. The new one is there already, so an error changes nothing.
void flush_folder(const std::string& path) {
  const int folder = ::open(folder_of(path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0) return;
  ::fsync(folder);
  ::close(folder);
}

bool write_all(int to, std::string_view text) {
  while (!text.empty()) {
    const auto written = ::write(to, text.data(), text.size());
    if (written < 0 && errno != EINTR) return false;
    if (written > 0) text.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

}  // namespace

StoredFile::StoredFile(StoredFile&& other) noexcept
    : name_(std::move(other.name_)),
      path_(std::move(other.path_)),
      text_(std::move(other.text_)),
      descriptor_(std::exchange(other.descriptor_, -1)),
      stat_(other.stat_) {}

StoredFile::~StoredFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

OrMessage<StoredFile> StoredFile::open(const std::string& path, Missing missing) {
  const auto real = without_links(path);
  if (!real) {
    if (real.error() != ENOENT) return wrong(path, "cannot be read: " + reason(real.error()));
    if (is_link(path)) return wrong(path, "is a link to a file that does not exist; take the link away");
    if (missing == Missing::is_wrong) return wrong(path, "does not exist; create it with -c");
    return StoredFile(path, path);
  }
  StoredFile file(path, *real);
  if (const auto error = file.open_locked(); !error.empty()) return wrong(path, error);
  if (const auto error = file.read(); !error.empty()) return wrong(path, error);
  return file;
}

std::string StoredFile::open_locked() {
  for (;;) {
    descriptor_ = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);  // a pipe without a writer would hold us up
    if (descriptor_ < 0) return "cannot be read: " + reason(errno);
    while (::flock(descriptor_, LOCK_EX) != 0 && errno == EINTR) {  // a file system without locks keeps nobody out
    }
    struct stat now {};
    if (::fstat(descriptor_, &stat_) != 0) return "cannot be read: " + reason(errno);
    if (!S_ISREG(stat_.st_mode)) return "is no regular file; name one";
    const bool there = ::stat(path_.c_str(), &now) == 0;
    if (there && now.st_dev == stat_.st_dev && now.st_ino == stat_.st_ino) return {};
    ::close(std::exchange(descriptor_, -1));  // who had it open has replaced it: the new one is meant
  }
}

std::string StoredFile::read() {
  if (stat_.st_size > static_cast<off_t>(kFileBytesMax)) return "has more than 64 MiB; is it a password file?";
  text_.resize(static_cast<std::size_t>(stat_.st_size));
  std::size_t size = 0;
  while (size < text_.size()) {
    const auto got = ::pread(descriptor_, text_.data() + size, text_.size() - size, static_cast<off_t>(size));
    if (got < 0 && errno != EINTR) return "cannot be read: " + reason(errno);
    if (got == 0) break;  // somebody else has made it shorter
    if (got > 0) size += static_cast<std::size_t>(got);
  }
  text_.resize(size);
  return {};
}

std::string StoredFile::fill(int to, std::string_view text) const {
  if (!write_all(to, text)) return "cannot be written: " + reason(errno);
  if (descriptor_ >= 0) {
    struct stat made {};
    if (::fstat(to, &made) != 0) return "cannot be written: " + reason(errno);
    const bool same = made.st_uid == stat_.st_uid && made.st_gid == stat_.st_gid;
    if (!same && ::fchown(to, stat_.st_uid, stat_.st_gid) != 0) return "cannot keep its owner: " + reason(errno);
    if (::fchmod(to, stat_.st_mode & 07777) != 0) return "cannot keep its mode: " + reason(errno);
  }
  if (::fsync(to) != 0) return "cannot be written: " + reason(errno);
  return {};
}

std::string StoredFile::replace(std::string_view text) const {
  std::string beside = path_ + ".XXXXXX";
  const int to = ::mkostemp(beside.data(), O_CLOEXEC);
  if (to < 0) {
    const int error = errno;
    return name_ + ": no file can be made in its folder: " + std::generic_category().message(error) +
           (error == EACCES ? "; run this as the folder's owner or as root" : "");
  }
  std::string error = fill(to, text);
  if (::close(to) != 0 && error.empty()) error = "cannot be written: " + reason(errno);
  if (error.empty() && ::rename(beside.c_str(), path_.c_str()) != 0) error = "cannot be replaced: " + reason(errno);
  if (error.empty()) {
    flush_folder(path_);
    return {};
  }
  ::unlink(beside.c_str());
  return name_ + ": " + error;
}

}  // namespace bramble::passwd
