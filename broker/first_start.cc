#include "broker/first_start.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <fcntl.h>
#include <fmt/format.h>
#include <string_view>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <utility>

#include "core/auth/password_hash.h"

namespace bramble {

namespace {

constexpr const char* kUser = "bramble";
constexpr std::string_view kLetters = "abcdefghijkmnpqrstuvwxyz23456789";  // none that looks like another
static_assert(kLetters.size() == 32, "each letter is five bits of a random byte");
constexpr std::size_t kGroups = 4, kGroupLetters = 6;  // 120 bits
constexpr std::size_t kSaltBytes = 16;
constexpr ::mode_t kMode = 0600;

tl::unexpected<std::string> wrong(std::string message) { return tl::unexpected<std::string>(std::move(message)); }

std::string reason(int error) { return std::generic_category().message(error); }

/// The folder of what a container keeps, locked: of two starts at once one makes the files.
class Folder {
 public:
  explicit Folder(const std::string& path) : descriptor_(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
    open_error_ = descriptor_ < 0 ? errno : 0;
    while (descriptor_ >= 0 && ::flock(descriptor_, LOCK_EX) != 0 &&
           errno == EINTR) {  // without locks: one start alone
    }
  }
  Folder(const Folder&) = delete;
  ~Folder() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }

  // An errno; 0: it is done.
  int open_error() const { return open_error_; }
  int give_to(const std::optional<Account>& account) const {
    return account && ::fchown(descriptor_, account->id, account->group) != 0 ? errno : 0;
  }
  bool has(const std::string& path) const {
    return ::faccessat(AT_FDCWD, path.c_str(), F_OK, AT_SYMLINK_NOFOLLOW) == 0;
  }
  void sync() const { ::fsync(descriptor_); }

  /// What a person can do, as the end of a message.
  std::string remedy(int error) const {
    if (error == ENOSPC || error == EDQUOT) return "make room on its disk";
    if (error == ENOENT || error == ENOTDIR || error == EROFS) return "mount a volume there";
    if (error == EPERM) return "leave the container the capability CHOWN, or run it as the folder's owner (--user)";
    struct stat status {};
    if (descriptor_ < 0 || error != EACCES || ::fstat(descriptor_, &status) != 0) {
      return "look at what is mounted there";
    }
    if (status.st_uid == ::geteuid()) return "on the host, `chmod u+rwx` the folder that is mounted there";
    return fmt::format(
        "it belongs to {0}:{1}, and the broker runs as {2}:{3}: on the host, `chown {2}:{3}` the folder that is "
        "mounted there, or `docker run --user {0}:{1}`",
        status.st_uid, status.st_gid, ::geteuid(), ::getegid());
  }

 private:
  const int descriptor_;
  int open_error_ = 0;
};

template <std::size_t size>
OrMessage<std::array<unsigned char, size>> random_bytes() {
  std::array<unsigned char, size> bytes{};
  if (::getrandom(bytes.data(), size, 0) == static_cast<ssize_t>(size)) return bytes;
  return wrong("this machine gives no random bytes");
}

OrMessage<std::string> new_password() {
  const auto random = random_bytes<kGroups * kGroupLetters>();
  if (!random) return wrong(random.error());
  std::string password;
  for (std::size_t at = 0; at < random->size(); ++at) {
    if (at != 0 && at % kGroupLetters == 0) password += '-';
    password += kLetters[(*random)[at] % kLetters.size()];
  }
  return password;
}

OrMessage<std::string> password_line(std::string_view password) {
  const auto salt = random_bytes<kSaltBytes>();
  if (!salt) return wrong(salt.error());
  return fmt::format("{}:{}\n", kUser, PasswordHash::argon2id(password, *salt).text());
}

/// An errno; 0: it is written.
int write_all(int to, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(to, text.data(), text.size());
    if (written < 0 && errno != EINTR) return errno;
    if (written > 0) text.remove_prefix(static_cast<std::size_t>(written));
  }
  return 0;
}

/// An errno; 0: the file is on the disk, under a name that the next start takes for its own.
int write_beside(const std::string& path, std::string_view text, const std::optional<Account>& account) {
  ::unlink((path + ".new").c_str());  // of a start that was cut off; whatever else it is, it is not written into
  const int to = ::open((path + ".new").c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, kMode);
  if (to < 0) return errno;
  int error = account && ::fchown(to, account->id, account->group) != 0 ? errno : write_all(to, text);
  if (error == 0 && ::fsync(to) != 0) error = errno;
  ::close(to);
  return error;
}

int put_in_place(const std::string& path) { return ::rename((path + ".new").c_str(), path.c_str()) == 0 ? 0 : errno; }

/// The environment may have others log in, or everyone: nobody would need that user then, or he would not get in.
bool user_counts(const Config& config, const ContainerPlaces& places) {
  return std::ranges::any_of(config.listeners, [&](const ListenerOptions& listener) {
    return listener.auth.password_file == places.passwords() && !*listener.auth.allow_anonymous;
  });
}

OrMessage<void> print(const ContainerPlaces& places, std::string_view password) {
  const std::string text = fmt::format(
      "\n"
      "First start: {0} is made, with one user:\n"
      "\n"
      "    user      {1}\n"
      "    password  {2}\n"
      "\n"
      "The password is shown this once and stored as a hash. Another one:\n"
      "    docker exec -it CONTAINER bramble-passwd {3} {1}\n"
      "\n",
      places.first_start(), kUser, password, places.passwords());
  if (const int error = write_all(STDOUT_FILENO, text); error != 0) {
    return wrong("the password of the first start cannot be printed on stdout: " + reason(error));
  }
  return {};
}

/// An errno; 0: there is a password file.
OrMessage<int> make_passwords(const Config& config, const ContainerPlaces& places,
                              const std::optional<Account>& account) {
  if (!user_counts(config, places)) {
    const int error = write_beside(places.passwords(), "", account);
    return error != 0 ? error : put_in_place(places.passwords());
  }
  const auto password = new_password();
  if (!password) return wrong(password.error());
  const auto line = password_line(*password);
  if (!line) return wrong(line.error());
  if (const int error = write_beside(places.passwords(), *line, account); error != 0) return error;
  if (const auto printed = print(places, *password); !printed) return wrong(printed.error());
  return put_in_place(places.passwords());
}

int make_config(const ContainerPlaces& places, const std::optional<Account>& account) {
  const std::string path = places.first_start();
  const int error = write_beside(path, first_start_config(places), account);
  return error != 0 ? error : put_in_place(path);
}

}  // namespace

OrMessage<void> make_first_start(const Config& config, const ContainerPlaces& places,
                                 const std::optional<Account>& account) {
  const Folder folder(places.data);
  const auto failed = [&](int error) {
    return wrong(fmt::format("{}: the first start cannot make {} there: {}; {}", places.data, places.first_start(),
                             reason(error), folder.remedy(error)));
  };
  if (const int error = folder.open_error(); error != 0) return failed(error);
  if (folder.has(places.first_start())) return {};
  if (const int error = folder.give_to(account); error != 0) return failed(error);
  if (!folder.has(places.passwords())) {
    const auto error = make_passwords(config, places, account);
    if (!error) return wrong(error.error());
    if (*error != 0) return failed(*error);
    folder.sync();  // before the file without which the next start is the first again
  }
  if (const int error = make_config(places, account); error != 0) return failed(error);
  folder.sync();
  return {};
}

}  // namespace bramble
