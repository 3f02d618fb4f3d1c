#include "broker/account.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <sys/wait.h>
#include <system_error>
#include <unistd.h>

#include "broker/log/log_file.h"

namespace bramble {

namespace {

std::string read_all(int descriptor) {
  std::string said;
  char part[512];
  while (true) {
    const ssize_t size = ::read(descriptor, part, sizeof part);
    if (size > 0) said.append(part, static_cast<std::size_t>(size));
    if (size == 0 || (size < 0 && errno != EINTR)) return said;
  }
}

std::string failed(int error) {
  return "cannot look at it as the account that runs it: " + std::generic_category().message(error);
}

}  // namespace

OrMessage<void> drop_privileges(const Config& config, const std::optional<Account>& account) {
  if (!account) return {};
  const auto& [name, id, group] = *account;
  if (::initgroups(name.c_str(), group) != 0 || ::setgid(group) != 0 || ::setuid(id) != 0) {
    return tl::unexpected(fmt::format("{}cannot become {}: {}; start as that account, or set user root",
                                      config.at("user"), name, std::strerror(errno)));
  }
  return {};
}

std::string as_account(const Config& config, const std::optional<Account>& account,
                       const std::function<std::string()>& say) {
  if (!account) return say();
  int ends[2];
  std::fflush(nullptr);  // what is not written yet would be written twice
  if (::pipe2(ends, O_CLOEXEC) != 0) return failed(errno);
  const pid_t child = ::fork();
  const int error = errno;
  if (child == 0) {
    const auto dropped = drop_privileges(config, account);
    log::write_all(ends[1], dropped ? say() : dropped.error());
    ::_exit(0);
  }
  ::close(ends[1]);
  const std::string said = read_all(ends[0]);
  ::close(ends[0]);
  if (child < 0) return failed(error);
  int status = 0;
  ::waitpid(child, &status, 0);
  return status == 0 ? said : "looking at it as the account that runs it has ended early";
}

}  // namespace bramble
