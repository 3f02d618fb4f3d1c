#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "broker/config/store_options.h"
#include "broker/log.h"
#include "broker/metrics/sys_topics.h"
#include "broker/reactor/mesh.h"
#include "broker/store/database.h"
#include "core/topic/retained_messages.h"

namespace bramble {

/// The storage thread, and the rounds in which all reactors tell it what has changed since the one before. A round is
/// one consistent cut through all reactors, and one transaction: a PUBLISH is in it with everything that it changed
/// anywhere, or not at all (docs/design.md, Rounds). No reactor waits for the disk.
/// Threads: construct, start and stop on main; the rest as said.
class Store {
 public:
  Store(std::unique_ptr<Database> database, Mesh& mesh, RetainedMessages& retained, const StoreOptions& options,
        std::uint64_t last_row);
  ~Store();
  Store(const Store&) = delete;

  void start();
  /// One more round with what there is, while the reactors still run; then the thread ends.
  void stop();
  /// A round now, in no time that anybody waits for.
  void save_now() { hurry_round(); }

  Promise promise() const { return promise_; }

  // --- any reactor ---
  void changed();      ///< something has, since the round that is open was opened: once a reactor and round
  void want_round();   ///< somebody waits for it
  void hurry_round();  ///< there is much
  std::uint64_t take_rows(std::uint64_t count) { return next_row_.fetch_add(count, std::memory_order_relaxed); }
  /// One reactor more (or less) has so much to tell that publishers have to be slowed, wherever they are.
  void crowd(int more) { crowds_.fetch_add(more, std::memory_order_relaxed); }
  bool crowded() const { return crowds_.load(std::memory_order_relaxed) > 0; }
  void closed();  ///< the caller has closed the round that it was asked to
  /// And this is its part. `passed_on`: it has handed something of it to another reactor, who will ask to be heard
  /// again.
  void give(std::unique_ptr<Part> part, bool passed_on);
  /// The disk does not take what it is given: what needs it should not be accepted.
  bool failing() const { return failing_.load(std::memory_order_relaxed); }
  /// Since when the round is closed, collected and written that is now, if one is, or the log moved into the file; max:
  /// neither. It may be that the disk is slow, or a reactor has much to deliver of it.
  SteadyTime round_since() const { return round_since_.load(std::memory_order_relaxed); }
  /// That is slow. With `interval` what comes meanwhile has to be written in the rest of it.
  Milliseconds slow_after() const { return slow_after_; }
  /// Says so, once, when the disk has not answered for long. `now` and then, by one reactor.
  void watch(SteadyTime now);
  int reactors() const { return static_cast<int>(mesh_.size()); }

  StoreFacts facts() const;  ///< any thread

 private:
  void run();
  /// Waits until `holds`, or `until`. A clock that is set meanwhile is told to the file.
  template <class Holds>
  void wait(std::unique_lock<std::mutex>& lock, SteadyTime until, Holds holds);
  /// Until a round is due. False: the last one.
  bool wait_for_cause();
  void round();
  void ask_all(RoundStep::What what);
  void collect();
  void take_retained();
  void write();
  void checkpoint();
  bool try_to_write();
  OrMessage<void> commit(const Clocks& clocks);
  void ask_disk();
  void disk_answered();
  std::size_t records() const;  ///< of the round at hand
  void report();
  void report_failure(const std::string& why);
  void report_slow(Nanoseconds took);
  Milliseconds window() const;

  const std::unique_ptr<Database> database_;
  Mesh& mesh_;
  RetainedMessages& retained_;
  const Promise promise_;
  const Milliseconds interval_;
  const Milliseconds slow_after_;
  std::atomic<std::uint64_t> next_row_;
  std::atomic<bool> failing_{false};
  std::atomic<int> crowds_{0};
  std::atomic<SteadyTime> round_since_{SteadyTime::max()};

  // the thread's own
  std::uint64_t round_ = 0;
  std::vector<RetainedChange> retained_changes_;
  Nanoseconds commit_time_{0};              ///< smoothed
  Nanoseconds longest_{0};                  ///< of late: it fades
  Nanoseconds sync_time_{Milliseconds(2)};  ///< the same of rounds with few records: the disk's
  bool busy_ = false;                       ///< the round at hand has many records
  bool file_was_damaged_ = false;           ///< since the start: it may have less than we have
  bool gave_up_ = false;                    ///< a round is lost: what comes after it cannot be kept without it
  log::LinePerMinute slow_lines_;
  std::thread thread_;

  mutable std::mutex mutex_;  // guards, for a moment each time:
  std::condition_variable woken_;
  bool changed_ = false, wanted_ = false, hurried_ = false, stopping_ = false, ended_ = false;
  SteadyTime changed_at_{};
  unsigned answers_ = 0;
  bool passed_on_ = false;
  std::vector<std::unique_ptr<Part>> parts_;
  StoreFacts facts_;
  SteadyTime disk_asked_at_ = SteadyTime::max();  ///< max: it has answered
  bool silence_told_ = false;
};

}  // namespace bramble
