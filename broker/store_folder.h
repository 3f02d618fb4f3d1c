#pragma once

#include <optional>
#include <string>

#include "broker/config/config.h"
#include "broker/process.h"

namespace bramble {

/// The folder of bramble.db (`persistence_location`), seen to before the store is opened. Without a store there is
/// nothing to see to.  Threads: main.  Errors: a line for a person, with the place of the option.

/// Makes it if it is not there, but not what it lies in: for that account (none: our own), and nobody else. Whether it
/// has been made, and its name is on the disk.
OrMessage<bool> make_store_folder(const Config& config, const std::optional<Account>& account);

/// Why something cannot be.
struct Obstacle {
  int error = 0;  ///< an errno; 0: it can
  std::string line{};
};
/// What would keep this process from making it, if it is not there. Nothing is made.
Obstacle why_no_store_folder(const Config& config);
/// What keeps this process from keeping a store there; ENOENT: it is not there yet. Nothing is made or written.
Obstacle why_no_store(const Config& config);

}  // namespace bramble
