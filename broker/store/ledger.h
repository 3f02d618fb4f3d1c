#pragma once

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "broker/store/kept.h"

namespace bramble {

class Store;

/// What one shard has yet to tell the store (docs/design.md, Rounds). A round takes whatever was changed while it was
/// open; it is closed, then collected as a whole. What arrives of it after that, because another reactor handed it off
/// before it closed the round, is late.
/// Threads: its reactor.
class Ledger {
 public:
  Ledger() = default;
  Ledger(const Ledger&) = delete;
  void use(Store& store);  ///< before reactors run; else nothing is kept

  bool keeps() const { return store_ != nullptr; }
  /// Acknowledgements wait for the disk.
  bool commits() const { return commits_; }
  /// The open one, from 1 on; 0: nothing is kept.
  std::uint64_t round() const { return round_; }

  /// The disk takes nothing: what needs it is not accepted.
  bool failing() const { return store_ && store_failing(); }
  /// That, or it is slow: what needs it should not come as fast as it does.
  bool lags(SteadyTime now) const { return store_ && (now < held_up_until_ || store_lags(now)); }
  /// Another reactor is behind with what it was handed off, and will have more to tell than anybody has counted.
  void held_up(SteadyTime now) { held_up_until_ = now + kHeldUpFor; }

  /// What has changed in the open round, as far as it is not found out when it closes.
  Part& part() { return part_; }
  /// Something has: the round will be closed in time.
  void changed() {
    if (!noted_) note();
  }
  /// `session` has deliveries or receipts to tell. Once a round.
  void touched(SessionId session) {
    touched_.push_back(session);
    changed();
  }
  /// So many deliveries, and bytes of their payloads, more (or fewer) that the store does not know of. Very many close
  /// the round early, and slow publishers down everywhere.
  void count(std::int64_t deliveries, std::int64_t bytes = 0) {
    untold_ += kBytesAsLong * deliveries + bytes;
    if (untold_ > many_ && !hurried_) hurry();
    if ((untold_ + told_ > too_many_) != crowded_) tell_crowd();
  }
  /// An acknowledgement waits until the open round is on the disk. Gives the round.
  std::uint64_t wait_for_round() {
    if (!waited_for_) want();
    return round_;
  }

  std::uint64_t next_row();
  std::vector<SessionId> take_touched() { return std::exchange(touched_, {}); }

  /// All of the round that is known here is in part(), and handed off. A new one is open.
  void close();
  /// The round that was closed last is on the disk.
  void stored() {
    told_ = 0;
    count(0);
  }
  /// The part of the round that was closed last, or what has been late since it was taken.
  std::unique_ptr<Part> take_closed() { return std::exchange(closed_, std::make_unique<Part>()); }
  /// Where a late delivery belongs.
  Part& closed_part() { return *closed_; }

  bool late = false;       ///< the message at hand is of the round that was closed last
  bool passed_on = false;  ///< a late message went to another reactor, which has to tell it

 private:
  // What is open and what is being written is not to take longer than `durability interval` promises, nor telling it a
  // turn: 2 us a record or a kilobyte to write, 0.1 us to tell. Too many are so for all reactors together, and there
  // are many on one before they are too many: nobody is stopped who could not have been told sooner.
  static constexpr std::int64_t kBytesAsLong = 1024;
  static constexpr std::int64_t kManyUntold = 16'384 * kBytesAsLong, kTooManyUntold = 4 * kManyUntold;

  static constexpr Milliseconds kHeldUpFor{10};

  bool store_failing() const;
  bool store_lags(SteadyTime now) const;
  void note();
  void want();
  void hurry();
  void tell_crowd();

  Store* store_ = nullptr;
  bool commits_ = false;
  bool noted_ = false;
  bool waited_for_ = false;
  bool hurried_ = false;
  bool crowded_ = false;  ///< and has told the store
  std::uint64_t round_ = 0;
  std::int64_t untold_ = 0;  ///< of the open round, in bytes that take as long to write
  std::int64_t told_ = 0;    ///< of the one that is being written
  std::int64_t many_ = kManyUntold, too_many_ = kTooManyUntold;
  SteadyTime held_up_until_{};
  std::uint64_t next_row_ = 0, rows_end_ = 0;
  Part part_;
  std::unique_ptr<Part> closed_ = std::make_unique<Part>();
  std::vector<SessionId> touched_;
};

}  // namespace bramble
