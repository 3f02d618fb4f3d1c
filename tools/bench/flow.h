#pragma once

#include <string_view>
#include <vector>

#include "tools/bench/publisher.h"
#include "tools/bench/scenario.h"
#include "tools/bench/subscriber.h"

namespace bramble::bench {

/// Who sends and who receives in a scenario in which messages flow.
struct FlowPlan {
  std::string_view scenario;
  std::vector<PublisherPlan> publishers{};    ///< none: they are in another process
  std::vector<SubscriberPlan> subscribers{};  ///< none: they are in another process
};

/// Connects everybody, lets the messages flow for the time asked for, and reports rate, latency, the broker's CPU time
/// and what was lost, doubled or reordered.  Threads: the main thread.
void run_flow(Run run, FlowPlan plan);

}  // namespace bramble::bench
