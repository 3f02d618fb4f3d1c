#include "tools/ctl/import/of_service.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <fmt/format.h>
#include <pwd.h>
#include <string_view>
#include <unistd.h>
#include <utility>

namespace bramble::ctl {

namespace {

constexpr const char* kAccount = "bramble";
constexpr unsigned kFreePorts = 1024;  // that one and those above may be opened by everybody
constexpr const char* kSockets = "/run/bramble/";
/// Of the unit: StateDirectory, LogsDirectory, RuntimeDirectory.
constexpr auto kWritable = std::to_array<std::string_view>({"/var/lib/bramble", "/var/log/bramble", "/run/bramble"});
constexpr auto kOfPackage = std::to_array<std::pair<const char*, const char*>>(
    {{"control_socket", "/var/lib/bramble/control"}, {"mdns", "true"}, {"log_timestamp", "false"}});

bool is_writable(const std::string& folder) {
  return std::ranges::any_of(kWritable, [&](std::string_view writable) {
    return folder == writable || folder.starts_with(std::string(writable) + "/");
  });
}

std::string beyond_service(const ListenerOptions& listener) {
  if (listener.unix_socket() && !listener.bind_address.starts_with(kSockets)) {
    return fmt::format("{}: the service makes sockets below /run/bramble only: `listener 0 {}{}`, in its clients, too",
                       listener.declared_at, kSockets,
                       std::filesystem::path(listener.bind_address).filename().string());
  }
  if (listener.port == 0 || listener.port >= kFreePorts) return {};
  return fmt::format(
      "{}: port {} is below {}, which the service may not open: another one, or the lines that `systemctl cat "
      "bramble` names for it",
      listener.declared_at, listener.port, kFreePorts);
}

}  // namespace

std::optional<Account> service_account() {
  if (::geteuid() != 0) return {};
  const passwd* const found = ::getpwnam(kAccount);
  if (found == nullptr) return {};
  return Account{kAccount, found->pw_uid, found->pw_gid};
}

std::vector<ConfigLine> lines_of_package(const Config& theirs) {
  const bool as_messages = std::ranges::find(theirs.broker.log_dest, "topic") != theirs.broker.log_dest.end();
  std::vector<ConfigLine> lines;
  for (const auto& [name, value] : kOfPackage) {
    const bool time = std::string_view(name) == "log_timestamp";
    if (!theirs.origins.contains(name) && !(time && as_messages)) lines.push_back({name, value, kServiceFile, 0});
  }
  return lines;
}

std::vector<std::string> beyond_service(const Config& theirs, const std::string& data) {
  std::vector<std::string> lines;
  for (const ListenerOptions& listener : theirs.listeners) {
    if (std::string line = beyond_service(listener); !line.empty()) lines.push_back(std::move(line));
  }
  if (theirs.store.persistence && !is_writable(data)) {
    lines.push_back(
        fmt::format("--data: the service may not write to {0}: `systemctl edit bramble`, and there the two lines "
                    "`[Service]` and `ReadWritePaths={0}`",
                    data));
  }
  return lines;
}

Config without_unix_sockets(Config config) {
  config.broker.control_socket.clear();
  for (ListenerOptions& listener : config.listeners) {
    if (listener.unix_socket()) listener.bind_address = "127.0.0.1";  // its users and rules are looked at all the same
  }
  return config;
}

}  // namespace bramble::ctl
