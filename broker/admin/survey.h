#pragma once

#include <deque>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "broker/shard.h"

namespace bramble {

/// What somebody wants to know of sessions, one object for each shard: visit() runs on the shard's reactor, and
/// whatever it writes down belongs to it alone until Survey::next() has returned.
class Inquiry {
 public:
  virtual ~Inquiry() = default;
  /// The session is this shard's. Gives how many subscriptions were looked at, about.
  virtual std::size_t visit(const OnReactor& here, ShardParts& parts, OwnedSession& session) = 0;
  /// What is written down is much by now: the others are to be asked later.
  virtual bool enough() const { return false; }
};

/// Asks all sessions the same thing, some at a time, and waits for the answers: for SIGUSR2 and the control socket. So
/// what is held in memory, and how long a reactor takes for it, grows neither with the number of sessions nor with what
/// they have: a shard answers for some of them a turn, until it has looked at so much. A session that begins or ends
/// meanwhile may be in it or not; no other is left out or asked twice. Threads: each Survey is one thread's, not a
/// reactor's, and not while the reactors are stopped; several may be under way at once.
class Survey {
 public:
  static constexpr std::size_t kLooksATurn = 5000;  ///< 0.3 ms or so
  static constexpr std::size_t kLooksASession = 50;
  static constexpr std::size_t kBatch = 1000;
  static constexpr std::size_t kBatchBytes = 256 * 1024;  ///< of client ids

  /// False: not this client. Asked on the caller's thread.
  using Wanted = std::function<bool(const std::string& client_id)>;

  Survey(Mesh& mesh, const SessionDirectory& directory, Wanted wanted = {})
      : mesh_(mesh), directory_(directory), wanted_(std::move(wanted)) {}

  /// Asks the next ones; `inquiries[i]` on reactor i. False: those were the last.
  bool next(std::span<Inquiry* const> inquiries);

 private:
  void look_up();

  Mesh& mesh_;
  const SessionDirectory& directory_;
  const Wanted wanted_;
  std::size_t slice_ = 0;                                // of the directory: the next
  std::deque<std::pair<std::string, ReactorId>> found_;  // that are not asked yet
};

}  // namespace bramble
