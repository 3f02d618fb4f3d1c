#include "tools/bench/flow.h"
#include "tools/bench/scenario.h"

namespace bramble::bench {

void run_fanout(Run run) {
  const std::uint32_t publishers = run.options.publishers.value_or(1);
  const std::uint32_t subscribers = run.options.subscribers.value_or(500);
  const std::string topic = run.options.topic + "/all";
  const PublisherPlan publisher{.topic = topic, .deliveries = subscribers};
  const SubscriberPlan subscriber{.filters = {topic}, .hears = {.count = publishers}};
  run_flow(run, {.scenario = "fanout",
                 .publishers = std::vector(publishers, publisher),
                 .subscribers = std::vector(subscribers, subscriber)});
}

}  // namespace bramble::bench
