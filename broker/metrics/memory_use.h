#pragma once

#include <cstdint>

namespace bramble {

/// Memory of the process in bytes: what the allocator has from the system where it tells (mimalloc does), else what the
/// kernel counts as resident; and the highest it has been.
struct MemoryUse {
  std::uint64_t current = 0;
  std::uint64_t maximum = 0;
};

/// Threads: one at a time.  Cost: a read of /proc, microseconds.
MemoryUse memory_use();

}  // namespace bramble
