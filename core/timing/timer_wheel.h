#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "core/base/time.h"

namespace bramble {

class TimerWheel;

/// A place in a ring of timers: one of them, or the slot that holds them.
struct TimerLink {
  TimerLink* previous = nullptr;
  TimerLink* next = nullptr;  ///< null: in no ring

  void unlink() {
    previous->next = next;
    next->previous = previous;
    previous = next = nullptr;
  }
};

/// A deadline, and what to call when it has passed. Derive from it, or from a small struct that knows its owner, and
/// cast back in `due`. 32 bytes, nothing allocated.
/// Lifetime: its owner's; it may be destroyed while armed. It is armed no more when `due` is called.
/// Threads: the wheel's.
class Timer : private TimerLink {
 public:
  using Due = void (*)(Timer& timer);
  explicit Timer(Due due) : due_(due) {}
  ~Timer() {
    if (armed()) unlink();
  }
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  bool armed() const { return next != nullptr; }

 private:
  friend class TimerWheel;
  std::uint64_t tick_ = 0;
  Due due_;
};
static_assert(sizeof(Timer) <= 32);

/// Thousands of deadlines, told the time. A timer is due in the first advance() that reaches its deadline, never early
/// and at most one tick (10 ms) late.
/// Holds 7 levels of 64 slots, enough for every deadline that SteadyTime can name: a slot of level n is 64^n ticks
/// wide, and is dealt out to the levels below when its time begins.
/// Cost: arm and disarm O(1), 8 ns the pair; advance O(1) for each timer that fires or is dealt out (at most six times
/// in its life), whatever time has passed. 7 KiB a wheel.
/// Threads: one, its reactor's.
class TimerWheel {
 public:
  static constexpr Milliseconds kTick{10};

  explicit TimerWheel(SteadyTime now);
  ~TimerWheel();  ///< disarms what is left
  TimerWheel(const TimerWheel&) = delete;
  TimerWheel& operator=(const TimerWheel&) = delete;

  /// Moves the deadline if `timer` is armed. One that has passed already is due with the next tick.
  void arm(Timer& timer, SteadyTime when);
  /// Nothing, if `timer` is not armed.
  void disarm(Timer& timer);
  /// Calls `due` of each timer whose deadline is not after `now`. What is called may arm, disarm or destroy any timer,
  /// its own too, but not call advance().
  void advance(SteadyTime now);

  /// When advance() is needed next: never after the earliest deadline plus a tick; before it only when that lies more
  /// than 640 ms ahead, and then by less than the width of its slot.
  /// Cost: O(levels), 9 ns.
  std::optional<SteadyTime> next() const;
  bool empty() const { return !first_slot(); }

 private:
  static constexpr unsigned kLevels = 7;
  static constexpr unsigned kSlotBits = 6;
  static constexpr unsigned kSlots = 1u << kSlotBits;
  static constexpr std::size_t kDueSlot = std::size_t{kLevels} * kSlots;  ///< taken out of its slot, not called yet

  std::uint64_t tick_before(SteadyTime when) const;
  std::uint64_t tick_after(SteadyTime when) const;
  /// The occupied slot whose time begins first.
  std::optional<std::size_t> first_slot() const;
  std::uint64_t start_of(std::size_t slot) const;
  std::size_t slot_for(std::uint64_t tick) const;
  void append(std::size_t slot, Timer& timer);
  static Timer& timer_at(TimerLink& link) { return static_cast<Timer&>(link); }
  /// Moves what is in the slot to where it belongs now that its time begins.
  void deal_out(std::size_t slot);
  void call_due();

  SteadyTime origin_;      ///< tick 0
  std::uint64_t now_ = 0;  ///< the last tick that has begun
  bool advancing_ = false;
  /// A bit a slot; the last word is the due slot's. Clear: the slot is empty. Set: it was not when last looked at; its
  /// last timer may have been destroyed since, which first_slot() finds out.
  mutable std::array<std::uint64_t, kLevels + 1> occupied_{};
  std::array<TimerLink, kDueSlot + 1> slots_;
};

}  // namespace bramble
