#pragma once

#include <chrono>
#include <cstddef>
#include <map>
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

/// What this process and its machine have used so far, from /proc.
struct Load {
  std::map<int, std::chrono::duration<double>> threads;  ///< CPU time of each thread of this process
  double machine_ticks = 0;                              ///< of all CPUs, since the machine began
  double idle_ticks = 0;                                 ///< those in which nobody wanted the CPU
  std::size_t open_files = 0;                            ///< of this process
};

Load load();

/// How many files this process may have open.
std::size_t open_files_max();

/// Raises the limit of open files as far as it goes and returns it.
std::size_t raise_open_files();

}  // namespace bramble::bench
