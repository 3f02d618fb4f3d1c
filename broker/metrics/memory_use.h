#pragma once

#include <cstdint>

namespace bramble {

/// Memory of the process that is resident, in bytes, and the most it has been. Not what the allocator has from the
/// system: mimalloc takes address space ahead of use, and tells six times as much for a broker at rest.
struct MemoryUse {
  std::uint64_t current = 0;
  std::uint64_t maximum = 0;
};

/// As the kernel counts it; zeros where there is no /proc.  Threads: any.  Cost: a read of /proc, tens of µs.
MemoryUse memory_use();

/// Gives back to the system what this thread's part of the allocator keeps for later. Without mimalloc nothing.
/// Threads: any, for itself.  Cost: ms, with much memory.
void return_free_memory();

}  // namespace bramble
