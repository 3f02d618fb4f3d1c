#pragma once

#include <memory>
#include <optional>
#include <string>

#include "core/auth/access_list.h"

namespace bramble {

/// Whose session it is, and what its client may read and write. Outlives the connection, as the session does.
/// Threads: the session's reactor.
struct SessionAccess {
  std::optional<std::string> user;
  std::string mount_point;  ///< below which its subscriptions and messages are
  /// False: Mosquitto has kept it and does not write that; then `mount_point` is what all of them begin with.
  bool mount_point_known = true;
  std::shared_ptr<const Rights> rights;  ///< null: all; keeps `list` alive
  const AccessList* list = nullptr;
  /// The rights have changed since some of the subscriptions were made: Subscriber::all_readable does not hold for
  /// them.
  bool marks_are_old = false;
  const Rule* last_denied_by = nullptr;  ///< of a denial that was logged; null: none yet
  bool default_denied = false;           ///< one that no rule was the reason of was logged
};

}  // namespace bramble
