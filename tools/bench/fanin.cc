#include "tools/bench/flow.h"
#include "tools/bench/scenario.h"

namespace bramble::bench {

void run_fanin(Run run) {
  const std::uint32_t publishers = run.options.publishers.value_or(100);
  const std::uint32_t subscribers = std::min(run.options.subscribers.value_or(1), publishers);
  FlowPlan plan{.scenario = "fanin"};
  for (std::uint32_t i = 0; i < subscribers; ++i) {
    const std::uint32_t heard = (publishers - i + subscribers - 1) / subscribers;
    plan.subscribers.push_back({.filters = {run.options.topic + "/" + std::to_string(i) + "/+"},
                                .hears = {.first = i, .step = subscribers, .count = heard}});
  }
  for (std::uint32_t i = 0; i < publishers; ++i) {
    plan.publishers.push_back(
        {.topic = run.options.topic + "/" + std::to_string(i % subscribers) + "/" + std::to_string(i)});
  }
  run_flow(run, plan);
}

}  // namespace bramble::bench
