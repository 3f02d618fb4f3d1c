#include "broker/process.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>
#include <pwd.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "broker/config/command_line.h"
#include "broker/config/file_remedy.h"
#include "broker/log.h"

namespace bramble {

namespace {

constexpr const char* kMosquitto = "mosquitto";  // the account that Mosquitto does without, too
constexpr std::size_t kManyClients = 10'000;
constexpr std::size_t kOwnFiles = 32;             // the log, listeners, and three of each reactor
constexpr std::size_t kTableAtStart = 64 * 1024;  // descriptors; 8 bytes each, in the kernel

void widen_file_table(std::size_t files) {
  const int null = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  const int last = static_cast<int>(std::min(files, kTableAtStart)) - 1;
  const int highest = ::fcntl(null, F_DUPFD_CLOEXEC, last);
  if (highest >= 0) ::close(highest);
  ::close(null);
}

/// -1: as many as come.
std::int64_t clients_expected(const Config& config) {
  std::int64_t all = 0;
  for (const auto& listener : config.listeners) {
    if (listener.max_connections <= 0) return -1;
    all += listener.max_connections;
  }
  return all;
}

}  // namespace

std::size_t raise_file_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
  const rlimit raised{limit.rlim_max, limit.rlim_max};
  const rlim_t files = ::setrlimit(RLIMIT_NOFILE, &raised) == 0 ? raised.rlim_cur : limit.rlim_cur;
  widen_file_table(files);
  return files;
}

std::optional<std::string> few_files(const Config& config, std::size_t files) {
  const std::int64_t expected = clients_expected(config);
  const std::size_t clients = files - std::min(files, kOwnFiles);
  if (clients >= (expected < 0 ? kManyClients : static_cast<std::size_t>(expected))) return {};
  return fmt::format(
      "Only {} files may be open, enough for some {} clients. For more raise the hard limit: ulimit -Hn, LimitNOFILE= "
      "of "
      "the service, or --ulimit nofile= of the container.",
      files, clients);
}

OrMessage<std::optional<Account>> account_to_become(const Config& config, bool has_config_file) {
  const std::string& user = config.broker.user;
  if (::geteuid() != 0 || user == "root") return std::optional<Account>();
  const std::string at = config.at("user");
  const passwd* account = nullptr;
  if (!user.empty()) account = ::getpwnam(user.c_str());
  if (!account && !user.empty() && user != kMosquitto) {
    return tl::unexpected(fmt::format("{}there is no account {}; create it, or name another", at, user));
  }
  if (!account && has_config_file) account = ::getpwnam(kMosquitto);
  if (!account) account = ::getpwnam("bramble");
  if (!account) account = ::getpwnam("nobody");
  if (!account) return tl::unexpected(at + "started as root, and there is no account nobody; name one");
  return Account{account->pw_name, account->pw_uid, account->pw_gid};
}

std::optional<std::string> other_account(const Config& config, const std::optional<Account>& account) {
  const std::string& user = config.broker.user;
  if (!account || user.empty() || account->name == user) return {};
  return fmt::format("{}there is no account {}; runs as {} instead", config.at("user"), user, account->name);
}

OrMessage<std::unique_ptr<PidFile>> PidFile::write(const Config& config) {
  const std::string& path = config.broker.pid_file;
  if (path.empty()) return nullptr;
  const int descriptor = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NONBLOCK, 0644);
  std::unique_ptr<PidFile> file(descriptor < 0 ? nullptr : new PidFile(path, descriptor));
  const std::string id = std::to_string(::getpid());
  if (!file || ::write(descriptor, id.data(), id.size()) != static_cast<ssize_t>(id.size())) {
    const int error = errno;
    return tl::unexpected(fmt::format("{}cannot write {}: {}; {}", config.at("pid_file"), path, std::strerror(error),
                                      write_remedy(path, error)));
  }
  return file;
}

PidFile::~PidFile() {
  struct stat file {};
  const bool plain = ::fstat(descriptor_, &file) == 0 && S_ISREG(file.st_mode);
  if (plain && ::unlink(path_.c_str()) != 0 && ::ftruncate(descriptor_, 0) != 0) {
    log::write(LogType::warning, "pid_file: cannot remove {}: {}; it names a process that has ended", path_,
               std::strerror(errno));
  }
  ::close(descriptor_);
}

OrMessage<int> become_daemon() {
  int ends[2];
  const bool piped = ::pipe2(ends, O_CLOEXEC) == 0;
  const pid_t child = piped ? ::fork() : -1;
  if (child < 0) return tl::unexpected(fmt::format("-d: cannot go to the background: {}", std::strerror(errno)));
  if (child > 0) {
    ::close(ends[1]);
    char told = 0;
    std::_Exit(::read(ends[0], &told, 1) == 1 ? kExitOk : kExitStartFailed);
  }
  ::close(ends[0]);
  ::setsid();
  return ends[1];
}

void tell_parent(int parent) {
  const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  for (const int standard : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (null >= 0) ::dup2(null, standard);
  }
  [[maybe_unused]] const ssize_t told = ::write(parent, "", 1);
  ::close(parent);
}

}  // namespace bramble
