#pragma once

#include "tools/bench/scenario.h"

namespace bramble::bench {

/// `--manager`: plays a scenario on the workers of the options instead of in this process. Splits the clients
/// (split.h), waits until all are connected, starts all at once (as exactly as a message travels), shows their sum, and
/// makes one report of theirs. Loss, duplicates, order and latency are each worker's own and exact, as no message goes
/// from one to another; but in fanout, where the first worker tells the others how many messages there were, so that
/// loss, duplicates and order are exact there too, and it alone times them.
/// With --pid the broker is to be a process of this machine.
/// Threads: the main thread.  Errors: a worker that cannot be reached, refuses, or goes is a fault, and ends the run
/// for all.
void run_on_workers(const Scenario& scenario, Run run);

}  // namespace bramble::bench
