#include "tools/bench/flow.h"
#include "tools/bench/scenario.h"

namespace bramble::bench {

void run_sub(Run run) {
  const Options& options = run.options;
  const std::uint32_t subscribers = options.subscribers.value_or(options.clients.value_or(1));
  const bool is_filter = options.topic.find_first_of("+#") != std::string::npos;
  const SubscriberPlan subscriber{.filters = {is_filter ? options.topic : options.topic + "/#"}};
  run_flow(run, {.scenario = "sub", .subscribers = std::vector(subscribers, subscriber)});
}

}  // namespace bramble::bench
