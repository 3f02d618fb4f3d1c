#include "broker/process.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <memory>
#include <pwd.h>
#include <sys/resource.h>
#include <unistd.h>

namespace bramble {

void raise_file_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

OrMessage<std::string> drop_privileges(const BrokerOptions& options, bool has_config_file) {
  if (::geteuid() != 0 || options.user == "root") return std::string();
  const passwd* account = nullptr;
  if (!options.user.empty()) {
    account = ::getpwnam(options.user.c_str());
    if (!account) {
      return tl::unexpected(fmt::format("user: there is no account {}; create it, or name another", options.user));
    }
  } else {
    if (has_config_file) account = ::getpwnam("mosquitto");
    if (!account) account = ::getpwnam("bramble");
    if (!account) account = ::getpwnam("nobody");
    if (!account) return tl::unexpected(std::string("user: started as root, and there is no account nobody; set user"));
  }
  const std::string name = account->pw_name;
  const gid_t group = account->pw_gid;
  const uid_t user = account->pw_uid;
  if (::initgroups(name.c_str(), group) != 0 || ::setgid(group) != 0 || ::setuid(user) != 0) {
    return tl::unexpected(
        fmt::format("user: cannot become {}: {}; start as that account, or set user root", name, std::strerror(errno)));
  }
  return name;
}

OrMessage<void> write_pid_file(const std::string& path) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "we"), &std::fclose);
  if (!file || std::fprintf(file.get(), "%d", static_cast<int>(::getpid())) < 0) {
    return tl::unexpected(
        fmt::format("pid_file: cannot write {}: {}; check the folder and its rights", path, std::strerror(errno)));
  }
  return {};
}

void remove_pid_file(const std::string& path) { ::unlink(path.c_str()); }

OrMessage<void> become_daemon() {
  const pid_t child = ::fork();
  if (child < 0) return tl::unexpected(fmt::format("-d: cannot fork: {}", std::strerror(errno)));
  if (child > 0) std::_Exit(0);
  ::setsid();
  const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  for (const int standard : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (null >= 0) ::dup2(null, standard);
  }
  return {};
}

}  // namespace bramble
