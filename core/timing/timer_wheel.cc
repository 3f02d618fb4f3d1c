#include "core/timing/timer_wheel.h"

#include <bit>

#include "core/base/check.h"

namespace bramble {

// Ticks are numbers of 7 digits in base 64. A timer is filed by the highest digit in which its tick differs from now_:
// that digit's place is the level, its value the slot. So every occupied slot lies ahead of now_'s own digit, all of a
// lower level begin before any of a higher one, and the first occupied slot is a count of zeros in the first level that
// is not empty.

TimerWheel::TimerWheel(SteadyTime now) : origin_(now) {
  for (TimerLink& slot : slots_) slot = {&slot, &slot};
}

TimerWheel::~TimerWheel() {
  for (TimerLink& slot : slots_) {
    while (slot.next != &slot) disarm(timer_at(*slot.next));
  }
}

void TimerWheel::arm(Timer& timer, SteadyTime when) {
  disarm(timer);
  const std::uint64_t tick = tick_after(when);
  timer.tick_ = tick > now_ ? tick : now_ + 1;
  append(slot_for(timer.tick_), timer);
}

void TimerWheel::disarm(Timer& timer) {
  if (!timer.armed()) return;
  const TimerLink* const before = timer.previous;
  timer.unlink();
  if (before->next == before) {  // it was alone, so before is its slot
    const auto slot = static_cast<std::size_t>(before - slots_.data());
    occupied_[slot / kSlots] &= ~(std::uint64_t{1} << slot % kSlots);
  }
}

void TimerWheel::advance(SteadyTime now) {
  check(!advancing_, "TimerWheel::advance() from within a timer");
  advancing_ = true;
  const std::uint64_t target = tick_before(now);
  for (auto slot = first_slot(); slot && start_of(*slot) <= target; slot = first_slot()) {
    now_ = start_of(*slot);
    deal_out(*slot);
    call_due();
  }
  if (target > now_) now_ = target;
  advancing_ = false;
}

std::optional<SteadyTime> TimerWheel::next() const {
  const auto slot = first_slot();
  if (!slot) return std::nullopt;
  return origin_ + start_of(*slot) * kTick;
}

std::uint64_t TimerWheel::tick_before(SteadyTime when) const {
  return when <= origin_ ? 0 : static_cast<std::uint64_t>((when - origin_) / kTick);
}

std::uint64_t TimerWheel::tick_after(SteadyTime when) const {
  const bool between = when > origin_ && (when - origin_) % kTick != SteadyTime::duration::zero();
  return tick_before(when) + (between ? 1 : 0);
}

std::optional<std::size_t> TimerWheel::first_slot() const {
  for (std::size_t level = 0; level < kLevels; ++level) {
    while (occupied_[level] != 0) {
      const std::size_t slot = level * kSlots + static_cast<std::size_t>(std::countr_zero(occupied_[level]));
      if (slots_[slot].next != &slots_[slot]) return slot;
      occupied_[level] &= occupied_[level] - 1;
    }
  }
  return std::nullopt;
}

std::uint64_t TimerWheel::start_of(std::size_t slot) const {
  const std::size_t shift = slot / kSlots * kSlotBits;
  const std::uint64_t higher_digits = now_ >> shift >> kSlotBits << kSlotBits;
  return (higher_digits | slot % kSlots) << shift;
}

/// `tick` is now_ or later; now_ itself is due.
std::size_t TimerWheel::slot_for(std::uint64_t tick) const {
  if (tick == now_) return kDueSlot;
  const auto level = static_cast<std::size_t>(std::bit_width(tick ^ now_) - 1) / kSlotBits;
  check(level < kLevels, "a deadline that SteadyTime cannot name");
  return level * kSlots + (tick >> (level * kSlotBits)) % kSlots;
}

void TimerWheel::append(std::size_t slot, Timer& timer) {
  TimerLink& ring = slots_[slot];
  timer.previous = ring.previous;
  timer.next = &ring;
  ring.previous->next = &timer;
  ring.previous = &timer;
  occupied_[slot / kSlots] |= std::uint64_t{1} << slot % kSlots;
}

void TimerWheel::deal_out(std::size_t slot) {
  TimerLink& ring = slots_[slot];
  while (ring.next != &ring) {
    Timer& timer = timer_at(*ring.next);
    disarm(timer);
    append(slot_for(timer.tick_), timer);
  }
}

void TimerWheel::call_due() {
  TimerLink& due = slots_[kDueSlot];
  while (due.next != &due) {
    Timer& timer = timer_at(*due.next);
    disarm(timer);
    timer.due_(timer);  // from here on it may be gone
  }
}

}  // namespace bramble
