#pragma once

#include "tools/bench/scenario.h"

namespace bramble::testing {

/// Plays a scenario to its end and gives what it reported.
inline bench::Report play(void (*scenario)(bench::Run), const bench::Options& options) {
  bench::Interrupts interrupts;
  bench::Report report;
  scenario({options, interrupts, report});
  return report;
}

}  // namespace bramble::testing
