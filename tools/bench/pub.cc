#include "tools/bench/flow.h"
#include "tools/bench/scenario.h"

namespace bramble::bench {

void run_pub(Run run) {
  const Options& options = run.options;
  const std::uint32_t publishers = options.publishers.value_or(options.clients.value_or(50));
  FlowPlan plan{.scenario = "pub"};
  for (std::uint32_t i = 0; i < publishers; ++i) {
    plan.publishers.push_back({.topic = publisher_topic(options, 0, i, std::to_string(i)), .deliveries = 0});
  }
  run_flow(run, plan);
}

}  // namespace bramble::bench
