#pragma once

#include <cstdint>

namespace bramble::counts {

/// What the broker's code did between two edges, as far as the program itself can see it: instructions are counted from
/// outside, by callgrind or by qemu. Time stands still but for 50 microseconds a look at the clock, so that no run
/// takes another path than the one before; that is longer than a reactor polls, so it sleeps.  Threads: one reactor's.
struct Gauge {
  std::uint64_t allocations = 0;
  std::uint64_t allocated_bytes = 0;
  std::uint64_t clock_reads = 0;
};
const Gauge& gauge();

/// Tells the counter outside: what it has counted begins, or ends, here. callgrind knows it by its name
/// (--dump-before), qemu by a write to no descriptor.
[[gnu::noinline]] void window_edge();

/// While one lives, what runs is the bench and not the broker, and is not counted. They do not nest. callgrind knows
/// the functions that hold one by their names (--toggle-collect).
class Outside {
 public:
  Outside();
  ~Outside();
  Outside(const Outside&) = delete;
};

/// For qemu's plugin: Outside and window_edge() say what they do by writes to no descriptor.
void say_marks();

}  // namespace bramble::counts
