#pragma once

#include <chrono>
#include <cstdint>

namespace bramble {

/// The monotonic clock, as a value that is handed in: `core` never asks for the time.
using SteadyTime = std::chrono::steady_clock::time_point;
/// The calendar, for what must survive a restart.
using WallTime = std::chrono::system_clock::time_point;

using Seconds = std::chrono::seconds;
using Milliseconds = std::chrono::milliseconds;
using Nanoseconds = std::chrono::nanoseconds;

/// Whole seconds of the monotonic clock; they may wrap, a difference of two is right.
inline std::uint32_t seconds_of(SteadyTime time) {
  return static_cast<std::uint32_t>(std::chrono::duration_cast<Seconds>(time.time_since_epoch()).count());
}

}  // namespace bramble
