#include "tools/bench/flow.h"
#include "tools/bench/naming.h"
#include "tools/bench/scenario.h"

namespace bramble::bench {

void run_sub(Run run) {
  const Options& options = run.options;
  const std::uint32_t subscribers = options.subscribers.value_or(options.clients.value_or(1));
  const bool is_filter = options.topic.find_first_of("+#%") != std::string::npos;
  FlowPlan plan{.scenario = "sub"};
  for (std::uint32_t i = 0; i < subscribers; ++i) {
    const std::string id = client_id(options, subscriber_name(i), i);
    plan.subscribers.push_back({.filters = {is_filter ? fill_template(options.topic, i, id) : options.topic + "/#"}});
  }
  run_flow(run, plan);
}

}  // namespace bramble::bench
