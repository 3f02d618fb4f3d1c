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

}  // namespace bramble
