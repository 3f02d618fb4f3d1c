#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "tools/bench/flow.h"
#include "tools/bench/flow_worker.h"
#include "tools/bench/process.h"

/// What a flow scenario tells when it is over.
namespace bramble::bench {

/// The counters at one end of the time that is measured.
struct FlowSample {
  SteadyTime at{};
  std::uint64_t published = 0;
  std::uint64_t delivered = 0;
  std::chrono::duration<double> own_cpu{};
  std::optional<ProcessUse> broker;
};

struct FlowOutcome {
  FlowSample before;
  FlowSample after;
  Histogram latency;
  std::uint32_t stalls = 0;  ///< how often the flow stood still until outstanding deliveries were given up
  bool measured = true;      ///< the user let it come beyond the warm up
  bool complete = true;      ///< and waited for the last messages
  std::optional<ProcessUse> broker_empty{};   ///< the broker before the clients came
  std::optional<ProcessUse> broker_set_up{};  ///< and when all were connected and subscribed
  std::vector<std::uint64_t> sent{};          ///< by stream, how many messages there were in all; empty: not known
};

/// The engine must have stopped.
void report_flow(Run run, const FlowPlan& plan, const std::vector<std::unique_ptr<FlowWorker>>& workers,
                 const FlowOutcome& outcome);

}  // namespace bramble::bench
