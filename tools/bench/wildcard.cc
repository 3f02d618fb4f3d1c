#include "tools/bench/flow.h"
#include "tools/bench/scenario.h"

namespace bramble::bench {

namespace {

/// With fewer, one of them has two filters that match one message, and brokers may send that once or twice.
constexpr std::uint32_t kSubscribersMin = 3;

}  // namespace

void run_wildcard(Run run) {
  const Options& options = run.options;
  const std::uint32_t publishers = options.publishers.value_or(50);
  const std::uint32_t subscribers = options.subscribers.value_or(50);
  if (subscribers < kSubscribersMin) return run.report.fault("wildcard needs --subs 3 or more");
  FlowPlan plan{.scenario = "wildcard"};
  plan.field = std::make_shared<DeviceField>(options.topic, options.filters.value_or(100'000), publishers, subscribers);
  for (std::uint32_t i = 0; i < subscribers; ++i) {
    auto filters = plan.field->filters_for(i);
    const Hears hears{.first = i, .step = subscribers, .count = static_cast<std::uint32_t>(filters.size())};
    for (std::uint32_t j = i; j < options.exact_filters; j += subscribers) {
      filters.push_back(options.topic + "/exact/" + std::to_string(j % 1'000) + "/" + std::to_string(j));
    }
    plan.subscribers.push_back({.filters = std::move(filters), .hears = hears});
  }
  plan.publishers = std::vector(publishers, PublisherPlan{.topic = {}, .deliveries = 2});
  run_flow(run, std::move(plan));
}

}  // namespace bramble::bench
