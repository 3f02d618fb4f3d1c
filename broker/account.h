#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "broker/config/config.h"

namespace bramble {

/// Who the broker runs as, if root has started it.
struct Account {
  std::string name;
  std::uint32_t id;
  std::uint32_t group;
};

/// Leaves root behind for that account. `config`: names the line that asks for it.  Errors: a line for a person.
OrMessage<void> drop_privileges(const Config& config, const std::optional<Account>& account);

/// What `say` says when it runs as that account (none: as who we are), in a process of its own; or why it could not.
/// Threads: no other runs, for it forks.
std::string as_account(const Config& config, const std::optional<Account>& account,
                       const std::function<std::string()>& say);

}  // namespace bramble
