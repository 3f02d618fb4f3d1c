#pragma once

#include <cstdint>
#include <mutex>
#include <vector>

#include "tools/bench/sequence.h"

namespace bramble::bench {

/// What the members of one shared subscription saw together: each message is to come once, to any one of them. What is
/// in order each member sees for itself (SharedOrder).
/// Threads: arrived() from any, each stream under a mutex of its own; tally() when they have ended.
class SharedGroup {
 public:
  explicit SharedGroup(std::size_t publishers) : streams_(publishers) {}

  /// Whether no member had seen it before.
  bool arrived(std::uint32_t publisher, std::uint64_t sequence) {
    Stream& stream = streams_[publisher];
    const std::lock_guard lock(stream.mutex);
    return stream.messages.arrived(sequence);
  }
  /// `sent`: by publisher, how many there were; empty if that is not known. Nothing in it is reordered.
  Tally tally(const std::vector<std::uint64_t>& sent) const {
    Tally sum;
    for (std::size_t i = 0; i < streams_.size(); ++i) {
      Tally one = streams_[i].messages.tally(i < sent.size() ? std::optional(sent[i]) : std::nullopt);
      one.reordered = 0;  // members do not wait for each other
      sum += one;
    }
    return sum;
  }

 private:
  struct Stream {
    std::mutex mutex;
    SequenceChecker messages;
  };
  std::vector<Stream> streams_;
};

/// The order of one publisher's messages as one member sees them: it may miss any, but none may come after a later one.
class SharedOrder {
 public:
  void arrived_first(std::uint64_t sequence) {
    if (sequence < next_) {
      ++reordered_;
    } else {
      next_ = sequence + 1;
    }
  }
  std::uint64_t reordered() const { return reordered_; }

 private:
  std::uint64_t next_ = 0;
  std::uint64_t reordered_ = 0;
};

}  // namespace bramble::bench
