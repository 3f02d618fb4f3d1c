#include "broker/control_file.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "broker/process.h"

namespace bramble {

namespace {

constexpr unsigned kMode = 0600;

/// What lies at `path` might be something else by now, if its folder is not root's: the socket that was made there, and
/// nothing else, is given away.
bool give_away(const std::string& path, const Account& to) {
  const int found = ::open(path.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC);
  if (found < 0) return false;
  struct stat file {};
  const bool ours = ::fstat(found, &file) == 0 && S_ISSOCK(file.st_mode) && file.st_nlink == 1 && file.st_uid == 0;
  if (!ours) errno = EEXIST;
  const bool given = ours && ::fchownat(found, "", to.id, to.group, AT_EMPTY_PATH) == 0;
  const int error = errno;
  ::close(found);
  errno = error;
  return given;
}

}  // namespace

OrMessage<std::optional<BoundSocket>> open_control_socket(const Config& config) {
  const std::string& path = config.broker.control_socket;
  if (path.empty()) return std::optional<BoundSocket>();
  const std::string at = config.at("control_socket");
  const auto account = account_to_become(config, true);  // only a file has the option
  if (!account) return tl::unexpected<std::string>(account.error());
  auto bound = BoundSocket::open_unix(path, kMode);
  if (!bound) return tl::unexpected<std::string>(at + bound.error());
  if (*account && !give_away(path, **account)) {
    return tl::unexpected<std::string>(fmt::format("{}cannot give {} to {}: {}; name a path elsewhere", at, path,
                                                   (*account)->name, std::strerror(errno)));
  }
  return std::optional<BoundSocket>(std::move(*bound));
}

}  // namespace bramble
