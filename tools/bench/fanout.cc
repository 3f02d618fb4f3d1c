#include <algorithm>

#include "tools/bench/flow.h"
#include "tools/bench/scenario.h"

namespace bramble::bench {

void run_fanout(Run run) {
  const std::uint32_t publishers = run.options.publishers.value_or(1);
  const std::uint32_t subscribers = run.options.subscribers.value_or(500);
  FlowPlan plan{.scenario = "fanout"};
  SubscriberPlan subscriber{.filters = {}, .hears = {.count = publishers}};
  for (std::uint32_t i = 0; i < publishers; ++i) {
    plan.publishers.push_back(
        {.topic = publisher_topic(run.options, subscribers, i, "all"), .deliveries = subscribers});
    subscriber.filters.push_back(plan.publishers.back().topic);
  }
  std::sort(subscriber.filters.begin(), subscriber.filters.end());  // all the same, but for a template
  subscriber.filters.erase(std::unique(subscriber.filters.begin(), subscriber.filters.end()), subscriber.filters.end());
  plan.subscribers = std::vector(subscribers, subscriber);
  plan.shared_by_parts = true;
  if (run.team && run.team->part() > 0) plan.publishers.clear();
  run_flow(run, plan);
}

}  // namespace bramble::bench
