#include "broker/start_check.h"

#include <cerrno>
#include <filesystem>
#include <fmt/format.h>
#include <system_error>
#include <unistd.h>
#include <utility>

#include "broker/account.h"
#include "broker/config/file_remedy.h"
#include "broker/net/bound_socket.h"
#include "broker/net/listener_rules.h"
#include "broker/process.h"
#include "broker/store_folder.h"

namespace bramble {

namespace {

constexpr std::string_view kFile = "file ";

/// Could this process write the file, or make it? An errno; 0: yes.
int why_not_writable(const std::string& path) {
  std::error_code unknown;
  if (std::filesystem::is_directory(path, unknown)) return EISDIR;
  if (::access(path.c_str(), W_OK) == 0) return 0;
  if (errno != ENOENT) return errno;
  const std::string folder = std::filesystem::path(path).parent_path();
  return ::access(folder.empty() ? "." : folder.c_str(), W_OK | X_OK) == 0 ? 0 : errno;
}

/// `root`: it is he who asks. Somebody else may not be who starts the broker, so that he may not write there says
/// nothing.
bool says_nothing(int error, bool root) { return error == 0 || (error == EACCES && !root); }

/// Empty: nothing.
std::string what_is_wrong(const std::string& where, const std::string& path, bool root) {
  const int error = why_not_writable(path);
  if (says_nothing(error, root)) return {};
  return fmt::format("{}cannot open {}: {}; {}", where, path, std::generic_category().message(error),
                     write_remedy(path, error));
}

/// The same of a place for a Unix socket.
std::string what_is_wrong_with_socket(const std::string& where, const std::string& path, bool root) {
  const std::string wrong = BoundSocket::no_unix_path(path);
  return wrong.empty() ? what_is_wrong(where, path, root) : where + wrong;
}

/// Of what is made before root is left behind.
std::string wrong_place(const Config& config, bool root) {
  const BrokerOptions& broker = config.broker;
  std::string wrong;
  if (!broker.pid_file.empty()) wrong = what_is_wrong(config.at("pid_file"), broker.pid_file, root);
  if (wrong.empty() && !broker.control_socket.empty()) {
    wrong = what_is_wrong_with_socket(config.at("control_socket"), broker.control_socket, root);
  }
  for (const ListenerOptions& listener : config.listeners) {
    if (!wrong.empty()) break;
    if (!listener.unix_socket()) continue;
    wrong = what_is_wrong_with_socket(listener.declared_at + ": ", listener.bind_address, root);
  }
  if (!wrong.empty()) return wrong;
  Obstacle obstacle = why_no_store_folder(config);
  return says_nothing(obstacle.error, root) ? std::string() : std::move(obstacle.line);
}

std::string wrong_log_file(const Config& config, bool root) {
  for (const std::string& destination : config.broker.log_dest) {
    if (!destination.starts_with(kFile)) continue;
    const std::string path = destination.substr(kFile.size());
    if (auto wrong = what_is_wrong(config.at("log_dest", path), path, root); !wrong.empty()) return wrong;
  }
  return {};
}

/// Of where the account is to write later.
std::string wrong_later(const Config& config, bool root) {
  if (auto wrong = wrong_log_file(config, root); !wrong.empty()) return wrong;
  Obstacle obstacle = why_no_store(config);
  const bool would_be_made = obstacle.error == ENOENT;  // wrong_place() has seen to that
  return would_be_made || says_nothing(obstacle.error, root) ? std::string() : std::move(obstacle.line);
}

}  // namespace

OrMessage<std::vector<std::string>> check_start(const Config& config, bool has_config_file) {
  std::vector<std::string> notes;
  if (const auto rules = read_rules(config, LockedKeys::leave, &notes); !rules) return tl::unexpected(rules.error());
  const auto account = account_to_become(config, has_config_file);
  if (!account) return tl::unexpected(account.error());
  const bool root = ::geteuid() == 0;
  std::string wrong = wrong_place(config, root);
  if (wrong.empty()) wrong = as_account(config, *account, [&] { return wrong_later(config, root); });
  if (!wrong.empty()) return tl::unexpected(wrong);
  if (auto other = other_account(config, *account)) notes.push_back(std::move(*other));
  return notes;
}

}  // namespace bramble
