#pragma once

#include <functional>
#include <optional>
#include <string>

#include "broker/config/config.h"
#include "broker/process.h"

namespace bramble {

/// What `say` says when it runs as that account (none: as who we are), in a process of its own; or why it could not.
/// `config`: names the line that asks for the account.  Threads: no other runs, for it forks.
std::string as_account(const Config& config, const std::optional<Account>& account,
                       const std::function<std::string()>& say);

}  // namespace bramble
