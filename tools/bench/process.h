#pragma once

#include <chrono>
#include <optional>

namespace bramble::bench {

/// What a process has used so far.
struct ProcessUse {
  std::chrono::duration<double> cpu{};  ///< user and system, all threads; the kernel counts in 1/100 s
  double resident_bytes = 0;
};

/// From /proc. Nothing if there is no such process.
std::optional<ProcessUse> process_use(int pid);

/// User and system time of this process.
std::chrono::duration<double> own_cpu();

/// Raises the limit of open files as far as it goes and returns it.
std::size_t raise_open_files();

}  // namespace bramble::bench
