#include "tools/bench/flow.h"
#include "tools/bench/scenario.h"

namespace bramble::bench {

void run_pairs(Run run) {
  const Options& options = run.options;
  const std::uint32_t pairs = options.publishers.value_or(options.subscribers.value_or(options.clients.value_or(50)));
  FlowPlan plan{.scenario = "pairs"};
  for (std::uint32_t i = 0; i < pairs; ++i) {
    const std::string topic = options.topic + "/" + std::to_string(i);
    plan.publishers.push_back({.topic = topic});
    plan.subscribers.push_back({.filters = {topic}, .hears = {.first = i, .count = 1}});
  }
  run_flow(run, plan);
}

}  // namespace bramble::bench
