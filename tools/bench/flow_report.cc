#include "tools/bench/flow_report.h"

namespace bramble::bench {

namespace {

using Workers = std::vector<std::unique_ptr<FlowWorker>>;

std::string version_name(mqtt::Version version) {
  return version == mqtt::Version::v5 ? "5" : version == mqtt::Version::v3_1_1 ? "3.1.1" : "3.1";
}

/// Everything that went wrong between publishers and subscribers.
struct Correctness {
  Tally tally;
  std::uint64_t misrouted = 0;
  std::uint64_t foreign = 0;
  std::uint64_t stored = 0;
  std::uint64_t refused = 0;
  std::uint64_t unacknowledged = 0;
  std::uint64_t overdue = 0;
  std::uint64_t late = 0;
};

Correctness correctness_of(const Workers& workers, const std::vector<std::uint64_t>& sent) {
  const FlowState& state = workers.front()->lane().state;
  Correctness all;
  for (const auto& worker : workers) {
    all.refused += worker->lane().refused.get();
    all.late += worker->lane().late.get();
    for (const auto& publisher : worker->publishers()) {
      all.unacknowledged += publisher->client().unacknowledged();
      all.overdue += publisher->overdue();
    }
  }
  if (state.group) all.tally += state.group->tally(sent);
  for (const auto& worker : workers) {
    for (const auto& subscriber : worker->subscribers()) {
      all.tally += subscriber->tally(sent);
      all.misrouted += subscriber->misrouted();
      all.foreign += subscriber->foreign();
      all.stored += subscriber->stored();
    }
  }
  return all;
}

void describe(Run run, const FlowPlan& plan) {
  const Options& options = run.options;
  run.report.text("scenario", "scenario", std::string(plan.scenario));
  run.report.text("version", "MQTT version", version_name(options.version));
  run.report.number("qos", "QoS", static_cast<double>(options.qos));
  run.report.number("pubs", "publishers", static_cast<double>(plan.publishers.size()));
  run.report.number("subs", "subscribers", static_cast<double>(plan.subscribers.size()));
  run.report.number("size", "payload", options.payload_bytes, "bytes");
  run.report.number("threads", "threads", options.threads);
  const bool paced = options.rate > 0 && !plan.publishers.empty();
  if (paced) run.report.number("rate", "rate asked for", options.rate, "/s");
}

/// What it cost the broker to take the filters in.
void tell_filters(Run run, const FlowPlan& plan, const FlowOutcome& outcome) {
  if (!plan.field) return;
  const double filters = plan.field->filters() + run.options.exact_filters;
  run.report.number("filters", "filters", filters);
  if (!outcome.broker_empty || !outcome.broker_set_up) return;
  const double cpu = (outcome.broker_set_up->cpu - outcome.broker_empty->cpu).count();
  const double memory = outcome.broker_set_up->resident_bytes - outcome.broker_empty->resident_bytes;
  run.report.number("setup_cpu_s", "broker's CPU to subscribe", cpu, "s");
  run.report.number("cpu_us_per_filter", "broker's CPU a filter", cpu * 1e6 / filters, "us");
  run.report.number("rss_per_filter_b", "broker's memory a filter", memory / filters, "bytes");
}

void tell_rates(Run run, const FlowPlan& plan, const FlowOutcome& outcome) {
  const auto& before = outcome.before;
  const auto& after = outcome.after;
  if (!outcome.measured) return run.report.note("ended during the warm up: nothing was measured");
  const double seconds = std::chrono::duration<double>(after.at - before.at).count();
  const auto published = static_cast<double>(after.published - before.published);
  const auto delivered = static_cast<double>(after.delivered - before.delivered);
  const double per = seconds > 0 ? 1 / seconds : 0;
  run.report.number("secs", "measured", seconds, "s");
  if (!plan.publishers.empty()) {
    run.report.number("published", "messages published", published);
    run.report.number("published_per_s", "published", published * per, "/s");
  }
  if (!plan.subscribers.empty()) {
    run.report.number("delivered", "messages delivered", delivered);
    run.report.number("delivered_per_s", "delivered", delivered * per, "/s");
  }
  run.report.latency(plan.subscribers.empty() ? "acknowledged after" : "latency", outcome.latency);

  const double messages = plan.subscribers.empty() ? published : delivered;
  if (messages == 0) return;
  if (before.broker && after.broker) {
    const double cpu = (after.broker->cpu - before.broker->cpu).count();
    const char* of = plan.subscribers.empty() ? "broker's CPU a million messages" : "broker's CPU a million deliveries";
    run.report.number("cpu_per_M", of, cpu / messages * 1e6, "s");
    run.report.number("broker_cores", "broker's cores", cpu * per);
    run.report.number("rss_mb", "broker's memory", after.broker->resident_bytes / (1 << 20), "MiB");
  }
  const double own = (after.own_cpu - before.own_cpu).count();
  run.report.number("gen_cpu_per_M", "own CPU a million", own / messages * 1e6, "s");
  run.report.number("gen_cores", "own cores", own * per);
}

void tell_correctness(Run run, const FlowPlan& plan, const Workers& workers, const FlowOutcome& outcome) {
  const Correctness found = correctness_of(workers, outcome.sent);
  Report& report = run.report;
  const auto fault = [&report](std::uint64_t count, const char* what) {
    if (count > 0) report.fault(std::to_string(count) + " " + what);
  };
  fault(found.refused, "messages refused by the broker");
  if (outcome.complete) fault(found.unacknowledged, "messages never acknowledged");
  fault(found.misrouted, "deliveries to a subscriber of another topic");
  fault(outcome.stalls, "times nothing was delivered for 1.5 s, so that what was outstanding was given up");
  if (run.options.rate > 0) {
    report.number("late", "left more than 1 ms late", static_cast<double>(found.late));
    report.number("overdue", "never left before the end", static_cast<double>(found.overdue));
  }
  if (!outcome.complete) report.note("ended before the last messages came: they do not count as lost");
  if (plan.shared_by_parts && plan.publishers.empty()) report.note("the publishers are elsewhere: checked, not timed");
  if (found.stored > 0) report.note(std::to_string(found.stored) + " stored (RETAIN) deliveries, not checked");
  if (found.foreign > 0)
    report.note(std::to_string(found.foreign) + " deliveries of another run or sender, not checked");
  if (plan.subscribers.empty()) return;
  if (!run.options.header) return report.note("--no-header: nothing was checked, no latency measured");
  if (!run.options.stamped()) {
    report.note("below 24 bytes a payload has no room for a sequence number: nothing was checked, no latency measured");
    return;
  }
  if (!run.options.check) return report.note("--no-check: nothing was checked");
  report.number("received", "deliveries checked", static_cast<double>(found.tally.received));
  report.number("lost", "lost", static_cast<double>(found.tally.lost));
  report.number("dup", "duplicates", static_cast<double>(found.tally.duplicates));
  report.number("ooo", "out of order", static_cast<double>(found.tally.reordered));
  fault(found.tally.lost, "messages lost");
  fault(found.tally.duplicates, "messages delivered more than once");
  fault(found.tally.reordered, "messages out of order");
}

void tell_aliases(Run run, const Workers& workers) {
  if (!run.options.alias) return;
  for (const auto& worker : workers) {
    for (const auto& publisher : worker->publishers()) {
      if (publisher->client().topic_alias_maximum() > 0) continue;
      return run.report.note("the broker takes no Topic Alias: topics were sent in full");
    }
  }
}

}  // namespace

void report_flow(Run run, const FlowPlan& plan, const Workers& workers, const FlowOutcome& outcome) {
  describe(run, plan);
  tell_filters(run, plan, outcome);
  tell_rates(run, plan, outcome);
  tell_correctness(run, plan, workers, outcome);
  tell_aliases(run, workers);
}

}  // namespace bramble::bench
