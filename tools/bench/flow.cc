#include "tools/bench/flow.h"

#include <algorithm>
#include <random>

#include "tools/bench/flow_report.h"
#include "tools/bench/flow_worker.h"
#include "tools/bench/process.h"

namespace bramble::bench {

namespace {

using Phase = FlowState::Phase;
using namespace std::chrono_literals;

constexpr auto kConnectingMax = 120s;
constexpr std::uint32_t kFiltersASecondMin = 5'000;  ///< a broker that takes fewer is not waited for
constexpr auto kStallAfter = 1500ms;  ///< no delivery for so long: what is outstanding will not come any more
constexpr std::chrono::seconds kDrainQuietMax = 3s;
constexpr std::chrono::seconds kDrainMax = 60s;
constexpr auto kLateDuplicates = 20ms;  ///< how long a second copy of the last messages is waited for
constexpr auto kLookEvery = 20ms;
constexpr auto kDisturbedTail = 200ms;

SteadyTime now() { return std::chrono::steady_clock::now(); }

std::uint16_t random_run() { return static_cast<std::uint16_t>(std::random_device()()); }

std::string publisher_name(std::size_t i) { return "p" + std::to_string(i); }

/// One run, from the main thread's side.
class FlowRun {
 public:
  FlowRun(Run run, FlowPlan plan, const Endpoint& broker);
  void go();

 private:
  bool connect_all();
  void start_flow();
  /// Until `until`, or until everything that may come has come. False: the user wants the run to end.
  bool watch(std::string_view what, SteadyTime until);
  void tell_progress(std::string_view what, SteadyTime until);
  Counts counts() const;
  void forgive_if_stalled();
  /// False: the user wants the run to end.
  bool disturb(const FlowSample& before, const FlowSample& after);
  /// Until everything that was sent has come. False: the user does not want to wait for it.
  bool drain();
  /// The same for what the publishers of another part sent.
  bool drain_elsewhere();
  /// By stream; the engine must have stopped.
  std::vector<std::uint64_t> sent() const;
  void tell_ended();
  std::vector<LoadClient*> clients() const;
  FlowSample sample() const;
  std::size_t client_count() const { return plan_.publishers.size() + plan_.subscribers.size(); }
  /// Whether what is measured lasts from the first message to the end of the drain: so many messages in all, or QoS 0
  /// into the blue, of which sockets take far more than the broker has read: only its last PINGRESP tells a rate.
  bool whole_run() const {
    return run_.options.count > 0 || (state_.times_acks && run_.options.qos == mqtt::Qos::at_most_once);
  }
  bool settled() const;
  bool all_sent() const;
  std::uint64_t sum(Count Lane::*count) const;
  Histogram sum(LiveHistogram Lane::*histogram) const;

  Run run_;
  const FlowPlan plan_;
  FlowState state_;
  Engine engine_;
  std::vector<std::unique_ptr<FlowWorker>> workers_;
  std::uint64_t delivered_before_ = 0;
  SteadyTime last_delivery_{};
  std::uint32_t stalls_ = 0;
  std::vector<std::uint64_t> sent_;  ///< by stream, how many messages there were in all; empty: not known
};

FlowRun::FlowRun(Run run, FlowPlan plan, const Endpoint& broker)
    : run_(run),
      plan_(std::move(plan)),
      state_(run.options, plan_.publishers.size(), run.team ? run.team->run() : random_run()),
      engine_(run.options.threads) {
  state_.elsewhere = plan_.shared_by_parts && plan_.publishers.empty();
  state_.strangers = plan_.publishers.empty() && !state_.elsewhere;
  state_.times_acks = plan_.subscribers.empty();
  state_.field = plan_.field;
  if (plan_.shared) state_.group = std::make_unique<SharedGroup>(plan_.publishers.size());
  for (std::size_t i = 0; i < engine_.size(); ++i) {
    workers_.push_back(std::make_unique<FlowWorker>(state_, engine_, i, broker));
  }
  std::uint32_t number = 0;
  const auto settings = [this, &number](const std::string& name) {
    return client_settings(run_.options, name, number++);
  };
  for (std::size_t i = 0; i < plan_.subscribers.size(); ++i) {
    workers_[i % workers_.size()]->add_subscriber(plan_.subscribers[i], settings(subscriber_name(i)));
  }
  for (std::size_t i = 0; i < plan_.publishers.size(); ++i) {
    const auto index = static_cast<std::uint32_t>(i);
    workers_[i % workers_.size()]->add_publisher(plan_.publishers[i], index, settings(publisher_name(i)));
  }
}

void FlowRun::go() {
  const auto broker_empty = process_use(run_.options.broker_pid);
  for (std::size_t i = 0; i < workers_.size(); ++i) engine_.start(i, *workers_[i]);
  if (!connect_all()) return;
  const auto broker_set_up = process_use(run_.options.broker_pid);
  if (!run_.may_start()) {
    engine_.stop();
    return run_.report.note("ended before the start");
  }
  FlowSample before = sample();  // before the first message: of a whole run all of them count
  start_flow();
  const bool warm = watch("warm up", state_.measure_from);
  if (!whole_run()) before = sample();
  if (warm) watch("measure", state_.measure_until);
  FlowSample after = sample();
  const bool complete =
      (!warm || !plan_.disturbance || disturb(before, after)) && drain() && (!state_.elsewhere || drain_elsewhere());
  if (whole_run()) after = sample();
  run_.interrupts.sleep_until(now() + kLateDuplicates);
  engine_.stop();
  tell_ended();
  if (!state_.elsewhere) sent_ = sent();
  if (run_.team && plan_.shared_by_parts && !state_.elsewhere && complete) run_.team->tell_sent(sent_);
  if (!complete) sent_.clear();  // what is still on its way is not lost
  report_flow(run_, plan_, workers_,
              {before, after, sum(&Lane::measured), stalls_, warm, complete, broker_empty, broker_set_up, sent_});
  for (LoadClient* client : clients()) client->disconnect();
}

bool FlowRun::connect_all() {
  const std::uint32_t filters = plan_.field ? plan_.field->filters() + run_.options.exact_filters : 0;
  const SteadyTime give_up = now() + kConnectingMax + std::chrono::seconds(filters / kFiltersASecondMin);
  run_.progress.begin(now());
  while (state_.ready < client_count() && state_.ended == 0 && now() < give_up) {
    if (run_.interrupts.sleep_until(now() + 1ms)) break;
    tell_progress("connect", SteadyTime::max());
  }
  if (state_.ready == client_count()) return true;
  engine_.stop();
  run_.report.fault("connected only " + std::to_string(state_.ready) + " of " + std::to_string(client_count()) +
                    " clients");
  tell_ended();
  return false;
}

void FlowRun::start_flow() {
  state_.start = last_delivery_ = now();
  state_.measure_from = state_.start + run_.options.time_to_warm_up();
  state_.measure_until = state_.measure_from + run_.options.time_to_measure();
  state_.phase.store(Phase::running, std::memory_order_release);  // pairs with FlowWorker::turn
  engine_.wake_all();
}

bool FlowRun::watch(std::string_view what, SteadyTime until) {
  while (now() < until) {
    if (run_.interrupts.sleep_until(std::min(until, now() + kLookEvery))) return false;
    if (all_sent() || state_.ended == client_count()) return true;
    forgive_if_stalled();
    tell_progress(what, run_.options.count > 0 ? SteadyTime::max() : state_.measure_until);
  }
  return true;
}

void FlowRun::tell_progress(std::string_view what, SteadyTime until) {
  if (run_.progress.due(now())) run_.progress.tell(now(), what, until, counts());
}

Counts FlowRun::counts() const {
  return {.in = sum(&Lane::published),
          .out = sum(&Lane::delivered),
          .connected = state_.ready - std::min<std::uint32_t>(state_.ready, state_.ended),
          .missing = sum(&Lane::missing),
          .duplicates = sum(&Lane::duplicates),
          .reordered = sum(&Lane::reordered),
          .latency = sum(&Lane::arrivals)};
}

void FlowRun::forgive_if_stalled() {
  const std::uint64_t delivered = sum(&Lane::delivered);
  if (delivered != delivered_before_) {
    delivered_before_ = delivered;
    last_delivery_ = now();
  } else if (sum(&Lane::expected) > delivered && now() - last_delivery_ > kStallAfter) {
    ++stalls_;
    last_delivery_ = now();
    state_.forgiven.fetch_add(1, std::memory_order_relaxed);
    engine_.wake_all();
  }
}

bool FlowRun::disturb(const FlowSample& before, const FlowSample& after) {
  state_.disturbed_from.store(now(), std::memory_order_relaxed);
  plan_.disturbance->begin(before, after);
  while (!plan_.disturbance->over() && state_.ended < client_count()) {
    if (!watch(plan_.disturbance->name(), now() + kLookEvery / 4)) return false;
  }
  state_.disturbed_until.store(now(), std::memory_order_relaxed);
  // What should have left before now is to be in the latencies when they are asked for.
  const bool goes_on = watch(plan_.disturbance->name(), now() + kDisturbedTail);
  plan_.disturbance->ended(sum(&Lane::disturbed));
  return goes_on;
}

bool FlowRun::drain() {
  state_.phase.store(Phase::draining, std::memory_order_release);
  engine_.wake_all();
  if (state_.strangers) return true;
  const SteadyTime give_up = now() + kDrainMax;
  const auto quiet_max = state_.times_acks ? kDrainMax : kDrainQuietMax;  // it may read long before it answers
  std::uint64_t before = 0;
  SteadyTime last_progress = now();
  while (now() < give_up && now() - last_progress < quiet_max) {
    if (run_.interrupts.sleep_until(now() + 1ms)) return false;
    tell_progress("drain", SteadyTime::max());
    const std::uint64_t arrived = sum(&Lane::delivered) + sum(&Lane::acknowledged) + sum(&Lane::read);
    if (arrived != before) {
      before = arrived;
      last_progress = now();
    }
    if (settled()) return true;
  }
  return true;
}

bool FlowRun::drain_elsewhere() {
  const auto all = run_.team->await_sent();
  if (!all) return false;
  sent_ = *all;
  std::uint64_t expected = 0;
  for (const auto messages : sent_) expected += messages * plan_.subscribers.size();
  std::uint64_t before = sum(&Lane::delivered);
  SteadyTime last_progress = now();
  while (before < expected && now() - last_progress < kDrainQuietMax) {
    if (run_.interrupts.sleep_until(now() + 1ms)) return false;
    if (const auto delivered = sum(&Lane::delivered); delivered != before) {
      before = delivered;
      last_progress = now();
    }
  }
  return true;
}

std::vector<std::uint64_t> FlowRun::sent() const {
  std::vector<std::uint64_t> sent(state_.streams());
  for (const auto& worker : workers_) {
    for (const auto& publisher : worker->publishers()) publisher->tell_sent(sent);
  }
  return sent;
}

bool FlowRun::settled() const {
  if (run_.options.qos != mqtt::Qos::at_most_once && sum(&Lane::acknowledged) < sum(&Lane::published)) return false;
  if (state_.times_acks && sum(&Lane::read) < plan_.publishers.size()) return false;
  return sum(&Lane::delivered) >= sum(&Lane::expected);
}

bool FlowRun::all_sent() const {
  return run_.options.count > 0 && !state_.strangers && sum(&Lane::published) >= run_.options.count;
}

std::vector<LoadClient*> FlowRun::clients() const {
  std::vector<LoadClient*> all;
  for (const auto& worker : workers_) {
    for (const auto& subscriber : worker->subscribers()) all.push_back(&subscriber->client());
    for (const auto& publisher : worker->publishers()) all.push_back(&publisher->client());
  }
  return all;
}

void FlowRun::tell_ended() {
  for (const LoadClient* client : clients()) {
    if (!client->closed()) continue;
    return run_.report.fault(std::to_string(state_.ended) + " connections ended; one of them: " +
                             client->settings().client_id + ": " + client->fault());
  }
}

FlowSample FlowRun::sample() const {
  return {.at = now(),
          .published = sum(&Lane::published),
          .delivered = sum(&Lane::delivered),
          .own_cpu = own_cpu(),
          .broker = process_use(run_.options.broker_pid)};
}

std::uint64_t FlowRun::sum(Count Lane::*count) const {
  std::uint64_t total = 0;
  for (const auto& worker : workers_) total += (worker->lane().*count).get();
  return total;
}

Histogram FlowRun::sum(LiveHistogram Lane::*histogram) const {
  Histogram total;
  for (const auto& worker : workers_) total.add((worker->lane().*histogram).snapshot());
  return total;
}

}  // namespace

std::string subscriber_name(std::size_t i) { return "s" + std::to_string(i); }

std::string publisher_topic(const Options& options, std::size_t subscribers, std::size_t i,
                            const std::string& otherwise) {
  const auto index = static_cast<std::uint32_t>(i);
  const auto number = static_cast<std::uint32_t>(subscribers + i);  // as FlowRun counts its clients
  return topic_of(options, index, client_id(options, publisher_name(i), number), otherwise);
}

void run_flow(Run run, FlowPlan plan) {
  if (const auto broker = broker_of(run)) FlowRun(run, std::move(plan), *broker).go();
}

}  // namespace bramble::bench
