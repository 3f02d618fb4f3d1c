#pragma once

#include <atomic>
#include <concurrentqueue/concurrentqueue.h>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "core/base/ring.h"

#ifdef __SANITIZE_THREAD__
// TSan does not model the fence with which moodycamel learns that a block has been emptied, and reports its reuse.
extern "C" [[gnu::used]] inline const char* __tsan_default_suppressions() { return "race:moodycamel::*\n"; }
#endif

namespace bramble {

/// Many push, one pops. What was pushed before (in the sense of happens-before) is popped before, also when two threads
/// pushed it: every push takes a ticket, and the consumer hands out tickets without gaps only. The items travel through
/// moodycamel::ConcurrentQueue, which by itself keeps order per producer only.
/// Unbounded: whoever owns it watches its level and slows those who feed it.
/// Threads: push() any (a numbered producer: one thread at a time); pop() and looks_empty() the consumer.
/// Cost: push 26 ns, pop 48 ns (docs/design.md, Figures): for a batch, not for a message.
template <class T>
class MpscQueue {
 public:
  /// Producers 0 .. producers-1 get a token each, which makes their pushes cheaper.
  explicit MpscQueue(unsigned producers) {
    tokens_.reserve(producers);
    for (unsigned i = 0; i < producers; ++i) tokens_.emplace_back(queue_);
  }
  MpscQueue(const MpscQueue&) = delete;

  /// A place in the order, which the caller must fill soon: nothing behind it is popped before. Whoever pushes to
  /// several queues reserves in all of them first; then nobody who has seen one item can get in front of another.
  std::uint64_t reserve() { return take_ticket(); }
  void push(unsigned producer, std::uint64_t reserved, T item) {
    queue_.enqueue(tokens_[producer], Numbered{reserved, std::move(item)});
  }
  void push(unsigned producer, T item) { push(producer, take_ticket(), std::move(item)); }
  void push(T item) { queue_.enqueue(Numbered{take_ticket(), std::move(item)}); }

  /// The next item in ticket order. Nothing: empty, or a producer stands between its ticket and its enqueue; a later
  /// call gives that item, and whoever pushes wakes the consumer after the enqueue.
  std::optional<T> pop() {
    if (!fetch_next()) return std::nullopt;
    ++next_;
    return std::move(early_.pop_front().item);
  }

  /// All that has a ticket has been popped; false also while a producer stands between its ticket and its enqueue.
  bool caught_up() const { return tickets_.load(std::memory_order_relaxed) == next_; }

  /// Nothing to pop now. After a seq_cst fence of the consumer this sees every item enqueued before a producer's fence.
  bool looks_empty() { return !fetch_next(); }

 private:
  struct Numbered {
    std::uint64_t ticket = 0;
    T item{};
  };
  struct Place {
    bool arrived = false;
    T item{};
  };

  // relaxed: of two pushes where one happens before the other, the first reads this word first anyway.
  std::uint64_t take_ticket() { return tickets_.fetch_add(1, std::memory_order_relaxed); }

  /// Takes items until the one with the next ticket is at the front of early_.
  bool fetch_next() {
    Numbered got;
    while (early_.empty() || !early_.front().arrived) {
      if (!queue_.try_dequeue(consumer_, got)) return false;
      const auto ahead = static_cast<std::size_t>(got.ticket - next_);
      while (early_.size() <= ahead) early_.push_back({});
      early_[ahead] = {true, std::move(got.item)};
    }
    return true;
  }

  moodycamel::ConcurrentQueue<Numbered> queue_;
  std::vector<moodycamel::ProducerToken> tokens_;
  alignas(64) std::atomic<std::uint64_t> tickets_{0};
  alignas(64) std::uint64_t next_ = 0;  // the consumer's, from here on: the ticket to hand out next
  Ring<Place> early_;                   // early_[i] is for ticket next_ + i
  moodycamel::ConsumerToken consumer_{queue_};
};

}  // namespace bramble
