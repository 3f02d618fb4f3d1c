#include "tools/ctl/import/account.h"

#include <cerrno>
#include <cstdio>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <string_view>
#include <sys/wait.h>
#include <system_error>
#include <unistd.h>

namespace bramble::ctl {

namespace {

constexpr const char* kAccount = "bramble";

bool become(const ServiceAccount& account) {
  return ::initgroups(account.name.c_str(), account.group) == 0 && ::setgid(account.group) == 0 &&
         ::setuid(account.id) == 0;
}

void write_all(int descriptor, std::string_view text) {
  while (!text.empty()) {
    const ssize_t size = ::write(descriptor, text.data(), text.size());
    if (size < 0 && errno != EINTR) return;
    if (size > 0) text.remove_prefix(static_cast<std::size_t>(size));
  }
}

std::string read_all(int descriptor) {
  std::string said;
  char part[512];
  while (true) {
    const ssize_t size = ::read(descriptor, part, sizeof part);
    if (size > 0) said.append(part, static_cast<std::size_t>(size));
    if (size == 0 || (size < 0 && errno != EINTR)) return said;
  }
}

std::string failed() {
  return "cannot look at it as the account that runs it: " + std::generic_category().message(errno);
}

}  // namespace

std::optional<ServiceAccount> service_account() {
  if (::geteuid() != 0) return {};
  const passwd* const found = ::getpwnam(kAccount);
  if (found == nullptr) return {};
  return ServiceAccount{kAccount, found->pw_uid, found->pw_gid};
}

std::string as_account(const std::optional<ServiceAccount>& account, const std::function<std::string()>& say) {
  if (!account) return say();
  int ends[2];
  std::fflush(nullptr);  // what is not written yet would be written twice
  if (::pipe2(ends, O_CLOEXEC) != 0) return failed();
  const pid_t child = ::fork();
  if (child == 0) {
    write_all(ends[1], become(*account) ? say() : failed());
    ::_exit(0);
  }
  const std::string not_started = child < 0 ? failed() : std::string();
  ::close(ends[1]);
  const std::string said = read_all(ends[0]);
  ::close(ends[0]);
  int status = 0;
  if (child > 0) ::waitpid(child, &status, 0);
  if (child > 0 && status != 0) return "looking at it as the account that runs it has ended early";
  return child < 0 ? not_started : said;
}

}  // namespace bramble::ctl
