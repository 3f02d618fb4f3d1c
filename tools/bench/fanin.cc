#include "tools/bench/flow.h"
#include "tools/bench/naming.h"
#include "tools/bench/scenario.h"

namespace bramble::bench {

void run_fanin(Run run) {
  const Options& options = run.options;
  const std::uint32_t publishers = options.publishers.value_or(100);
  const std::uint32_t subscribers = std::min(options.subscribers.value_or(1), publishers);
  FlowPlan plan{.scenario = "fanin"};
  for (std::uint32_t i = 0; i < subscribers; ++i) {
    const std::uint32_t heard = (publishers - i + subscribers - 1) / subscribers;
    plan.subscribers.push_back({.filters = {}, .hears = {.first = i, .step = subscribers, .count = heard}});
    if (!is_template(options.topic)) plan.subscribers[i].filters = {options.topic + "/" + std::to_string(i) + "/+"};
  }
  for (std::uint32_t i = 0; i < publishers; ++i) {
    const std::uint32_t heard_by = i % subscribers;
    const std::string topic =
        publisher_topic(options, subscribers, i, std::to_string(heard_by) + "/" + std::to_string(i));
    plan.publishers.push_back({.topic = topic});
    if (is_template(options.topic)) plan.subscribers[heard_by].filters.push_back(topic);
  }
  run_flow(run, plan);
}

}  // namespace bramble::bench
