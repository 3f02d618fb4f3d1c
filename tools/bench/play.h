#pragma once

#include <string>

#include "tools/bench/scenario.h"

namespace bramble::bench {

/// Plays a scenario, shows it while it goes on, and tells what it found, all as the options want it: live view or plain
/// lines, metrics, table, JSON, page. False if the run found faults, or if what was asked for cannot be opened or
/// written, which is said on stderr. `step`: what it is called in its scenario file; empty if there is none.
/// Threads: the main thread, with `interrupts` made before any other.
bool play(const Scenario& scenario, const Options& options, Interrupts& interrupts, const std::string& step = {});

}  // namespace bramble::bench
