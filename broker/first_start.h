#pragma once

#include <optional>

#include "broker/account.h"
#include "broker/config/config.h"
#include "broker/config/container.h"

namespace bramble {

/// What the first start in a container makes: the configuration, and a password file with one user, whose random
/// password is printed on stdout and stored as a hash; with no user in it, and nothing printed, if the environment
/// names another password file or lets everyone in. What is there already stays as it is. A start that was cut off is
/// finished by the next: a password counts only once it has been printed. The files are that account's; none: our own.
/// `config`: what it will mean.  Threads: main.  Errors: a line for a person.
OrMessage<void> make_first_start(const Config& config, const ContainerPlaces& places,
                                 const std::optional<Account>& account);

}  // namespace bramble
