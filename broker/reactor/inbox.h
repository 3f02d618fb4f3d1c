#pragma once

#include <atomic>
#include <cstdint>
#include <optional>

#include "broker/reactor/message.h"
#include "core/sync/mpsc_queue.h"

namespace bramble {

/// The many-to-one queue into a reactor, and its alarm clock. It never refuses: over its level the feeders are slowed
/// (docs/design.md, Slowing).  Threads: post() any; the rest as said.
class Inbox {
 public:
  /// `producers`: reactors that post, numbered from 0.
  Inbox(unsigned producers, std::size_t level_bytes);
  ~Inbox();
  Inbox(const Inbox&) = delete;

  /// From reactor number `from` (its thread). Wakes the owner only if it sleeps: an eventfd write is 300 ns and a wake
  /// 30 us, the look at the flag 6 ns (EPYC guest, 2026-11-22).
  void post(ReactorId from, Message message) { post(from, reserve(), std::move(message)); }
  /// The same in a place that was reserved: see MpscQueue::reserve.
  void post(ReactorId from, std::uint64_t place, Message message);
  std::uint64_t reserve() { return queue_.reserve(); }
  /// From any other thread.
  void post(Message message);

  // --- the owner ---
  std::optional<Message> take() { return queue_.pop(); }
  bool looks_empty() { return queue_.looks_empty(); }
  /// Nothing is there and nobody is about to post.
  bool caught_up() const { return queue_.caught_up(); }
  int wake_descriptor() const { return wake_; }
  /// True: nothing has come, the next post wakes. False: stay awake, something is there.
  bool fall_asleep();
  void stay_awake() { sleeping_.store(false, std::memory_order_relaxed); }
  /// A Handoff has been dealt with: lowers the level. Returns the reactors to tell that it is below now (a bit each).
  std::uint64_t done(const Handoff& handoff, SteadyTime now);

  // --- its feeders ---
  enum class Level { normal, slow, drop_qos0 };
  /// Relaxed: a hint that is at most a turn old.
  Level level(SteadyTime now) const;
  /// `from` wants to hear of the inbox falling below its level. False: it is below already, nothing will be said.
  bool tell_when_eased(ReactorId from, SteadyTime now);
  std::size_t bytes() const { return bytes_.load(std::memory_order_relaxed); }

 private:
  void add(const Message& message);
  void wake();

  MpscQueue<Message> queue_;
  const std::size_t level_bytes_;
  int wake_;
  alignas(64) std::atomic<bool> sleeping_{false};
  alignas(64) std::atomic<std::size_t> bytes_{0};
  std::atomic<bool> late_{false};                ///< the oldest Handoff waited more than kLateAfter
  std::atomic<SteadyTime> moved_{SteadyTime{}};  ///< when one was dealt with, or came while none was there
  std::atomic<std::uint64_t> waiting_{0};
};

}  // namespace bramble
