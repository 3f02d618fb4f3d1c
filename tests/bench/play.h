#pragma once

#include "tools/bench/scenario.h"

namespace bramble::testing {

/// Plays a scenario to its end and gives what it reported.
inline bench::Report play(void (*scenario)(bench::Run), const bench::Options& options,
                          bench::Viewer* viewer = nullptr) {
  bench::Interrupts interrupts;
  bench::Report report;
  bench::Progress progress(0, viewer ? std::vector{viewer} : std::vector<bench::Viewer*>());
  scenario({options, interrupts, report, progress});
  return report;
}

}  // namespace bramble::testing
