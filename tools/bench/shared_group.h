#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "tools/bench/sequence.h"

namespace bramble::bench {

/// What the members of one shared subscription saw together: each message is to come once, to any one of them. What is
/// in order each member sees for itself (SharedOrder).
/// Cost: O(1), 128 KiB a publisher. A SequenceChecker would open and fill a gap for almost every message: that is 0.2
/// us, and a generator slower than the broker makes the broker's batches smaller and so its messages dearer. Threads:
/// arrived() from any, each stream under a mutex of its own; tally() when they have ended.
class SharedGroup {
 public:
  /// A message that comes so many later ones late is taken for one that had come before.
  static constexpr std::uint64_t kLateMax = std::uint64_t{1} << 20;

  explicit SharedGroup(std::size_t publishers) : streams_(publishers) {}

  /// Whether no member had seen it before.
  bool arrived(std::uint32_t publisher, std::uint64_t sequence) { return streams_[publisher].arrived(sequence); }

  /// `sent`: by publisher, how many there were; empty if that is not known: then what is missing before the last that
  /// was seen is lost. Nothing in it is reordered.
  Tally tally(const std::vector<std::uint64_t>& sent) const {
    Tally sum;
    for (std::size_t i = 0; i < streams_.size(); ++i) {
      sum += streams_[i].tally(i < sent.size() ? std::optional(sent[i]) : std::nullopt);
    }
    return sum;
  }

 private:
  /// One publisher's messages: a bit for each of the last kLateMax, in a ring.
  class Stream {
   public:
    bool arrived(std::uint64_t sequence) {
      const std::lock_guard lock(mutex_);
      ++received_;
      make_room(sequence);
      if (sequence + kLateMax < next_) return false;
      std::uint64_t& word = (*seen_)[sequence / 64 % kWords];
      const std::uint64_t bit = std::uint64_t{1} << sequence % 64;
      const bool first = (word & bit) == 0;
      word |= bit;
      unique_ += first ? 1 : 0;
      return first;
    }
    Tally tally(std::optional<std::uint64_t> sent) const {
      const std::uint64_t expected = std::max(sent.value_or(next_), unique_);
      return {.received = received_, .lost = expected - unique_, .duplicates = received_ - unique_};
    }

   private:
    static constexpr std::uint64_t kWords = kLateMax / 64 + 1;  // one more: the oldest word is cleared as a whole

    void make_room(std::uint64_t sequence) {
      if (sequence < next_) return;
      const std::uint64_t first = (next_ + 63) / 64, last = sequence / 64;  // words that nobody has used yet
      if (last >= first + kWords) {
        seen_->fill(0);
      } else {
        for (std::uint64_t word = first; word <= last; ++word) (*seen_)[word % kWords] = 0;
      }
      next_ = sequence + 1;
    }

    std::mutex mutex_;
    std::uint64_t next_ = 0;  ///< one more than the last number seen
    std::uint64_t received_ = 0;
    std::uint64_t unique_ = 0;
    std::unique_ptr<std::array<std::uint64_t, kWords>> seen_ = std::make_unique<std::array<std::uint64_t, kWords>>();
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
