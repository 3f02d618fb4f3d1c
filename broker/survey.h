#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <vector>

#include "broker/shard.h"

namespace bramble {

/// Asks every shard the same thing and waits until all have answered: for SIGUSR2 and the control socket. A shard
/// answers for kSlice sessions a turn, so that nobody waits for it.
/// Threads: ask() any but a reactor's, and not while the reactors are stopped.
class Survey {
 public:
  static constexpr std::size_t kSlice = 1000;
  /// On the session's reactor. What it writes to is its own for each shard: `answers[shard]`.
  using Visit = std::function<void(const OnReactor& here, ShardParts& parts, OwnedSession& session,
                                   std::vector<std::string>& answers)>;
  static std::vector<std::string> ask(Mesh& mesh, const Visit& visit);
};

}  // namespace bramble
