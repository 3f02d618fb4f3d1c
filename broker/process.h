#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "broker/account.h"
#include "broker/config/config.h"

namespace bramble {

/// What a Unix daemon does around its work.  Threads: main, before any other runs.
/// Errors: a line for a person.

/// As many descriptors as the system lets us have, and how many those are: each client takes one. Before any other
/// thread runs: the kernel makes its table larger at once now, and would stop whoever opens a descriptor for 10 to 25
/// ms at each doubling later (synchronize_rcu).
std::size_t raise_file_limit();
/// The line for the log if so many are few: fewer than the listeners' `max_connections` need, or than 10,000 clients.
std::optional<std::string> few_files(const Config& config, std::size_t files);
/// Who the broker becomes once its ports are open. If started as root: the option `user`; without it, or with `user
/// mosquitto` and no such account, the first there is of mosquitto (with a file only), bramble and nobody. Nothing: it
/// stays who it is.
OrMessage<std::optional<Account>> account_to_become(const Config& config, bool has_config_file);
/// The line for the log if it is another than the option names.
std::optional<std::string> other_account(const Config& config, const std::optional<Account>& account);

/// The file of the option pid_file, with our process id in it; gone again with this object, unless it is /dev/null or
/// the like. It is kept open, for by then its folder may be out of reach: written as root, in a folder of root's. It is
/// emptied then; a line in the log if not even that can be done.  Threads: main.
class PidFile {
 public:
  /// Nothing without the option.
  static OrMessage<std::unique_ptr<PidFile>> write(const Config& config);
  ~PidFile();
  PidFile(const PidFile&) = delete;

 private:
  PidFile(std::string path, int descriptor) : path_(std::move(path)), descriptor_(descriptor) {}

  const std::string path_;
  const int descriptor_;
};

/// To the background. The parent waits for tell_parent() and ends with status 0; with 1 if this process ends before, so
/// that whoever started it sees why. Gives what tell_parent() needs.
OrMessage<int> become_daemon();
/// All is well: stdin, stdout and stderr lead nowhere from now on.
void tell_parent(int parent);

}  // namespace bramble
