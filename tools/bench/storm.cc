#include <memory>
#include <optional>

#include "tools/bench/flow.h"
#include "tools/bench/flow_report.h"
#include "tools/bench/process.h"
#include "tools/bench/scenario.h"

namespace bramble::bench {

namespace {

using namespace std::chrono_literals;

constexpr std::uint32_t kClients = 1'000;
constexpr std::uint32_t kFilters = 10;
constexpr std::uint32_t kPairs = 10;
constexpr double kRate = 5'000;
constexpr std::size_t kHandshakesAtOnce = 256;  ///< before the storm
constexpr auto kConnectingMax = 120s;
constexpr auto kStormMax = 120s;

SteadyTime now() { return std::chrono::steady_clock::now(); }

/// What the clients of one worker share.
/// Threads: the worker's; any may read it.
struct Crowd {
  std::atomic<SteadyTime> cut_at{SteadyTime::max()};  ///< the storm; written by the main thread
  std::atomic<SteadyTime> last_back{SteadyTime{}};

  std::atomic<std::uint32_t> ready{0};    ///< with their subscriptions, for the first time
  std::atomic<std::uint32_t> back{0};     ///< and again after the storm
  std::atomic<std::uint32_t> failed{0};   ///< did not get there
  std::atomic<std::uint32_t> dropped{0};  ///< got there, and was then dropped by the broker
  LiveHistogram back_after;
};

/// One client that is cut and comes back.
class Victim final : public ClientEvents {
 public:
  Victim(Crowd& crowd, Connector*& connector, LoadClient::Settings settings)
      : crowd_(crowd), connector_(connector), client_(std::move(settings), *this) {}

  LoadClient& client() { return client_; }
  void cut() {
    client_.cut();
    was_cut_ = true;
  }
  const std::string& first_fault() const { return first_fault_; }

  void on_ready(LoadClient&, SteadyTime at) override {
    connector_->handshake_ended();
    if (!was_cut_) {
      crowd_.ready.fetch_add(1, std::memory_order_relaxed);
      return;
    }
    crowd_.back_after.record(at - crowd_.cut_at.load(std::memory_order_relaxed));
    crowd_.last_back.store(at, std::memory_order_relaxed);
    crowd_.back.fetch_add(1, std::memory_order_relaxed);
  }
  void on_closed(LoadClient& client) override {
    if (!client.was_ready()) connector_->handshake_ended();
    (client.was_ready() ? crowd_.dropped : crowd_.failed).fetch_add(1, std::memory_order_relaxed);
    if (first_fault_.empty()) first_fault_ = client.settings().client_id + ": " + client.fault();
  }

 private:
  Crowd& crowd_;
  Connector*& connector_;
  LoadClient client_;
  bool was_cut_ = false;
  std::string first_fault_;
};

/// The clients of one worker.
class StormWorker final : public Task {
 public:
  StormWorker(Worker& worker, const Endpoint& broker, std::size_t at_once)
      : first_(worker, broker, kHandshakesAtOnce, 0), again_(worker, broker, at_once, 0) {}

  void add(LoadClient::Settings settings) {
    victims_.push_back(std::make_unique<Victim>(crowd_, connector_, std::move(settings)));
    first_.add(victims_.back()->client());
    again_.add(victims_.back()->client());
  }
  SteadyTime turn(SteadyTime at) override {
    const bool stormy = crowd_.cut_at.load(std::memory_order_relaxed) <= at;
    if (stormy && connector_ == &first_) {
      for (const auto& victim : victims_) victim->cut();
      connector_ = &again_;
    }
    return connector_->turn(at, [](std::size_t, SteadyTime) {});
  }

  Crowd& crowd() { return crowd_; }
  const std::vector<std::unique_ptr<Victim>>& victims() const { return victims_; }

 private:
  Crowd crowd_;
  Connector first_;
  Connector again_;
  Connector* connector_ = &first_;
  std::vector<std::unique_ptr<Victim>> victims_;
};

/// The clients that are cut, from the main thread's side.
class Storm final : public Disturbance {
 public:
  Storm(Run run, const Endpoint& broker, std::uint32_t first_number);

  bool connect_all();
  void disconnect_all();
  void tell() const;

  std::string_view name() const override { return "storm"; }
  void begin(const FlowSample& before, const FlowSample& after) override;
  bool over() override;
  void ended(const Histogram& latency) override { latency_ = latency; }

 private:
  std::uint32_t sum(std::atomic<std::uint32_t> Crowd::*count) const;
  Histogram back_after() const;
  SteadyTime last_back() const;
  void tell_broker(double seconds) const;
  std::string first_fault() const;

  Run run_;
  const std::uint32_t clients_;
  const std::uint32_t filters_;
  Engine engine_;
  std::vector<std::unique_ptr<StormWorker>> workers_;
  SteadyTime cut_at_{};
  double cores_before_ = 0;  ///< the broker's, for the flow alone
  std::optional<ProcessUse> broker_before_;
  std::optional<ProcessUse> broker_after_;
  SteadyTime over_at_{};
  std::optional<Histogram> latency_;
};

Storm::Storm(Run run, const Endpoint& broker, std::uint32_t first_number)
    : run_(run),
      clients_(run.options.clients.value_or(kClients)),
      filters_(run.options.filters.value_or(kFilters)),
      engine_(run.options.threads) {
  const std::size_t at_once = std::max<std::size_t>(run.options.window.value_or(clients_) / engine_.size(), 1);
  for (std::size_t i = 0; i < engine_.size(); ++i) {
    workers_.push_back(std::make_unique<StormWorker>(engine_.worker(i), broker, at_once));
  }
  for (std::uint32_t i = 0; i < clients_; ++i) {
    const std::uint32_t number = first_number + i;
    auto settings = client_settings(run.options, 'c' + std::to_string(i), number);
    settings.filters = idle_filters(run.options, filters_, number, settings.client_id);
    workers_[i % workers_.size()]->add(std::move(settings));
  }
}

bool Storm::connect_all() {
  for (std::size_t i = 0; i < workers_.size(); ++i) engine_.start(i, *workers_[i]);
  const SteadyTime give_up = now() + kConnectingMax;
  while (sum(&Crowd::ready) < clients_ && sum(&Crowd::failed) == 0 && now() < give_up) {
    if (run_.interrupts.sleep_until(now() + 1ms)) break;
  }
  if (sum(&Crowd::ready) == clients_) return true;
  engine_.stop();
  run_.report.fault("connected only " + std::to_string(sum(&Crowd::ready)) + " of " + std::to_string(clients_) +
                    " clients; " + first_fault());
  return false;
}

void Storm::begin(const FlowSample& before, const FlowSample& after) {
  if (before.broker && after.broker) {
    cores_before_ = (after.broker->cpu - before.broker->cpu) / std::chrono::duration<double>(after.at - before.at);
  }
  broker_before_ = process_use(run_.options.broker_pid);
  cut_at_ = now();
  for (const auto& worker : workers_) worker->crowd().cut_at.store(cut_at_, std::memory_order_relaxed);
  engine_.wake_all();
}

bool Storm::over() {
  over_at_ = now();
  const bool all = sum(&Crowd::back) + sum(&Crowd::failed) >= clients_;
  if (!all && over_at_ - cut_at_ < kStormMax) return false;
  broker_after_ = process_use(run_.options.broker_pid);
  return true;
}

void Storm::disconnect_all() {
  engine_.stop();
  for (const auto& worker : workers_) {
    for (const auto& victim : worker->victims()) victim->client().disconnect();
  }
}

void Storm::tell() const {
  Report& report = run_.report;
  report.number("clients", "clients cut", clients_);
  report.number("filters", "subscriptions each", filters_);
  if (!latency_) return report.note("ended before the storm was over");
  const std::uint32_t back = sum(&Crowd::back);
  const double seconds = std::chrono::duration<double>(last_back() - cut_at_).count();
  report.number("back", "back", back);
  if (back > 0) {
    report.number("storm_s", "back in", seconds, "s");
    report.number("reconnects_per_s", "reconnects", back / seconds, "/s");
  }
  tell_latency(report, "back_", "back after", back_after());
  tell_latency(report, "storm_", "latency in the storm", *latency_);
  if (back > 0) tell_broker(std::chrono::duration<double>(over_at_ - cut_at_).count());
  if (back < clients_) {
    report.fault(std::to_string(clients_ - back) + " of " + std::to_string(clients_) + " clients did not come back; " +
                 first_fault());
  }
  if (const auto dropped = sum(&Crowd::dropped); dropped > 0) {
    report.fault(std::to_string(dropped) + " clients were dropped by the broker; " + first_fault());
  }
}

/// The flow goes on meanwhile: what it cost before is taken off.
void Storm::tell_broker(double seconds) const {
  if (!broker_before_ || !broker_after_) return;
  const double cpu = (broker_after_->cpu - broker_before_->cpu).count() - cores_before_ * seconds;
  run_.report.number("cpu_ms_per_reconnect", "broker's CPU a reconnect", cpu * 1e3 / sum(&Crowd::back), "ms");
}

std::uint32_t Storm::sum(std::atomic<std::uint32_t> Crowd::*count) const {
  std::uint32_t total = 0;
  for (const auto& worker : workers_) total += (worker->crowd().*count).load(std::memory_order_relaxed);
  return total;
}

Histogram Storm::back_after() const {
  Histogram total;
  for (const auto& worker : workers_) total.add(worker->crowd().back_after.snapshot());
  return total;
}

SteadyTime Storm::last_back() const {
  SteadyTime last = cut_at_;
  for (const auto& worker : workers_) last = std::max(last, worker->crowd().last_back.load(std::memory_order_relaxed));
  return last;
}

/// When the engine has stopped.
std::string Storm::first_fault() const {
  for (const auto& worker : workers_) {
    for (const auto& victim : worker->victims()) {
      if (!victim->first_fault().empty()) return victim->first_fault();
    }
  }
  return "the others got no answer";
}

Options at_a_rate(Options options) {
  if (options.rate == 0) options.rate = kRate;
  return options;
}

}  // namespace

void run_storm(Run run) {
  const Options options = at_a_rate(run.options);
  const Run at_rate{options, run.interrupts, run.report, run.progress};
  const auto broker = broker_of(at_rate);
  if (!broker) return;
  const std::uint32_t pairs = options.publishers.value_or(kPairs);
  Storm storm(at_rate, *broker, 2 * pairs);
  if (!storm.connect_all()) return;
  FlowPlan plan{.scenario = "storm", .disturbance = &storm};
  add_pairs(plan, options, pairs);
  run_flow(at_rate, std::move(plan));
  storm.disconnect_all();
  storm.tell();
}

}  // namespace bramble::bench
