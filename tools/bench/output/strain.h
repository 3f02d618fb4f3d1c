#pragma once

#include <vector>

#include "tools/bench/options.h"
#include "tools/bench/report.h"

namespace bramble::bench {

/// How near the generator itself came to its limits, from the seconds of a run that count.
struct Strain {
  double busiest_thread = 0;   ///< median share of a CPU
  double machine_busy = 0;     ///< median share of all CPUs
  std::size_t open_files = 0;  ///< most at once
};

Strain strain_of(const std::vector<Second>& seconds);

/// Both, for this process and this machine.
void tell_strain(Report& report, const Options& options, const std::vector<Second>& seconds);

/// Warns in the report of every limit of the generator or of its machine that makes the figures say less of the broker
/// than they seem to, naming the limit and the cure: its threads, the machine's CPUs, descriptors, and messages of an
/// open loop that left late. (What ran out of descriptors or ports has a fault that says so.)
void warn_of_strain(Report& report, const Options& options, const Strain& strain, std::size_t open_files_max,
                    unsigned cores);

}  // namespace bramble::bench
