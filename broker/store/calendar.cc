#include "broker/store/calendar.h"

#include <algorithm>

namespace bramble {

namespace {

using namespace std::chrono_literals;

// Before there was a Bramble: a clock that says less has not been set.
constexpr WallTime kFirstBramble = std::chrono::sys_days(std::chrono::year(2025) / 1 / 1);
constexpr Milliseconds kStep = 1s;
constexpr Seconds kToldEvery = 60s;

/// How late it is in the calendar of the run before.
WallTime time_of(const Clocks& system, const Calendar::Kept& kept) {
  const auto then = std::chrono::floor<Milliseconds>(kept.seen_at) - kept.ahead;  // by the system's clock
  const bool unknown_how_long = then < kFirstBramble && system.wall >= kFirstBramble;
  return unknown_how_long ? kept.seen_at : std::max<WallTime>(system.wall + kept.ahead, kept.seen_at);
}

}  // namespace

Calendar::Calendar(const Clocks& system, const std::optional<Kept>& kept)
    : begun_{system.steady, kept ? time_of(system, *kept) : system.wall}, told_(kept) {}

Calendar::Kept Calendar::kept(const Clocks& system) const {
  const WallTime now = begun_.wall_at(system.steady);
  return {std::chrono::floor<Milliseconds>(now - system.wall), now};
}

bool Calendar::was_set(const Clocks& system) const {
  if (!told_) return false;
  const Milliseconds step = kept(system).ahead - told_->ahead;
  return step >= kStep || step <= -kStep;
}

bool Calendar::has_news(const Clocks& system) const {
  return !told_ || was_set(system) || begun_.wall_at(system.steady) - told_->seen_at >= kToldEvery;
}

}  // namespace bramble
