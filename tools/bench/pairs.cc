#include "tools/bench/flow.h"
#include "tools/bench/scenario.h"

namespace bramble::bench {

void run_pairs(Run run) {
  const Options& options = run.options;
  const std::uint32_t pairs = options.publishers.value_or(options.subscribers.value_or(options.clients.value_or(50)));
  FlowPlan plan{.scenario = "pairs"};
  add_pairs(plan, options, pairs);
  run_flow(run, plan);
}

void add_pairs(FlowPlan& plan, const Options& options, std::uint32_t pairs) {
  for (std::uint32_t i = 0; i < pairs; ++i) {
    const std::string topic = publisher_topic(options, pairs, i, std::to_string(i));
    plan.publishers.push_back({.topic = topic});
    plan.subscribers.push_back({.filters = {topic}, .hears = {.first = i, .count = 1}});
  }
}

}  // namespace bramble::bench
