#pragma once

#include <functional>
#include <optional>
#include <string>
#include <sys/types.h>

namespace bramble::ctl {

/// Who the service runs as.
struct ServiceAccount {
  std::string name;
  ::uid_t id;
  ::gid_t group;
};

/// The account bramble, if it is root who asks and there is one.
std::optional<ServiceAccount> service_account();

/// What `say` says when it runs as that account (none: as who we are), in a process of its own.
/// Threads: no other runs, for it forks.
std::string as_account(const std::optional<ServiceAccount>& account, const std::function<std::string()>& say);

}  // namespace bramble::ctl
