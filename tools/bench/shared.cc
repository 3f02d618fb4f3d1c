#include <unistd.h>

#include "tools/bench/flow.h"
#include "tools/bench/naming.h"
#include "tools/bench/scenario.h"

namespace bramble::bench {

void run_shared(Run run) {
  const Options& options = run.options;
  const std::uint32_t publishers = options.publishers.value_or(10);
  const std::uint32_t members = options.subscribers.value_or(10);
  const std::string share = "$share/bench-" + std::to_string(::getpid()) + "/";
  FlowPlan plan{.scenario = "shared", .shared = true};
  SubscriberPlan member{.filters = {}, .hears = {.count = publishers}};
  if (!is_template(options.topic)) member.filters = {share + options.topic + "/+"};
  for (std::uint32_t i = 0; i < publishers; ++i) {
    const std::string topic = publisher_topic(options, members, i, std::to_string(i));
    plan.publishers.push_back({.topic = topic});
    if (is_template(options.topic)) member.filters.push_back(share + topic);
  }
  plan.subscribers = std::vector(members, member);
  run_flow(run, plan);
}

}  // namespace bramble::bench
