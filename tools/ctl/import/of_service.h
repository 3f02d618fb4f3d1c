#pragma once

#include <optional>
#include <string>
#include <vector>

#include "broker/account.h"
#include "broker/config/config.h"

namespace bramble::ctl {

/// The configuration that the service of Bramble's package reads.
inline constexpr const char* kServiceFile = "/etc/bramble/bramble.conf";

/// Who the service runs as: the account bramble, if it is root who asks and there is one.
std::optional<Account> service_account();

/// The lines of the package's configuration that Mosquitto's, which takes its place, says nothing about: so that
/// `bramble-ctl clients` and mDNS go on working, and the journal has each time once.
std::vector<ConfigLine> lines_of_package(const Config& theirs);

/// What the configuration asks for and the service may not do, as Mosquitto, which begins as root, may: a line each.
/// `data`: the folder of the database.
std::vector<std::string> beyond_service(const Config& theirs, const std::string& data);

/// For a look at it from outside of the service: without Unix sockets, whose folders may be there only while it runs.
Config without_unix_sockets(Config config);

}  // namespace bramble::ctl
