#include <deque>
#include <limits>
#include <memory>
#include <optional>

#include "tools/bench/flow_state.h"
#include "tools/bench/process.h"
#include "tools/bench/scenario.h"

namespace bramble::bench {

namespace {

using namespace std::chrono_literals;

constexpr std::uint32_t kClients = 100;
constexpr auto kLeavingMax = 5s;  ///< a broker that has not closed after a DISCONNECT by then is not waited for
constexpr auto kLookEvery = 20ms;

SteadyTime now() { return std::chrono::steady_clock::now(); }

/// What the clients of one worker share.
/// Threads: the worker's; any may read the counts.
struct Churn {
  SteadyTime measure_from{};
  SteadyTime measure_until{};
  std::atomic<bool> ending{false};  ///< nobody connects any more

  Count connected;
  Count rounds;            ///< connected, subscribed, gone again
  Count failed;            ///< clients whose connection did not come about or ended by itself: they stay away
  Count lingered;          ///< connections that the broker had not closed 5 s after a DISCONNECT
  LiveHistogram accepted;  ///< from when it should have connected to the CONNACK; all, and those that are measured
  LiveHistogram measured;
  LiveHistogram subscribed;  ///< the same to the last SUBACK
  std::string first_fault;

  bool measures(SteadyTime intended) const { return intended >= measure_from && intended < measure_until; }
};

/// One client that comes and goes.
class Guest final : public ClientEvents {
 public:
  Guest(Churn& churn, std::deque<Guest*>& away, LoadClient::Settings settings)
      : churn_(churn), away_(away), client_(std::move(settings), *this) {}

  LoadClient& client() { return client_; }
  void comes(SteadyTime intended) { intended_ = intended; }
  /// The broker does not close: we do.
  void hurry(SteadyTime at) {
    if (!leaving_ || at - left_ < kLeavingMax) return;
    churn_.lingered.add(1);
    client_.cut();
    gone();
  }

  void on_accepted(LoadClient&, SteadyTime at) override {
    churn_.connected.add(1);
    churn_.accepted.record(at - intended_);
    if (churn_.measures(intended_)) churn_.measured.record(at - intended_);
  }
  void on_ready(LoadClient&, SteadyTime at) override {
    if (churn_.measures(intended_) && !client_.settings().filters.empty()) churn_.subscribed.record(at - intended_);
    leaving_ = true;
    left_ = at;
    client_.leave();
  }
  void on_closed(LoadClient&) override {
    if (leaving_) return gone();
    churn_.failed.add(1);
    if (churn_.first_fault.empty()) churn_.first_fault = client_.settings().client_id + ": " + client_.fault();
  }

 private:
  void gone() {
    leaving_ = false;
    churn_.rounds.add(1);
    away_.push_back(this);
  }

  Churn& churn_;
  std::deque<Guest*>& away_;
  LoadClient client_;
  SteadyTime intended_{};
  SteadyTime left_{};
  bool leaving_ = false;
};

/// The clients of one worker: whoever is away comes again, at once or when the rate has it.
class ChurnWorker final : public Task {
 public:
  ChurnWorker(Worker& worker, const Endpoint& broker, double a_second, std::uint64_t quota)
      : worker_(worker),
        broker_(broker),
        period_(a_second > 0 ? static_cast<SteadyTime::rep>(1e9 / a_second) : 0),
        quota_(quota) {}

  void add(LoadClient::Settings settings) {
    guests_.push_back(std::make_unique<Guest>(churn_, away_, std::move(settings)));
    away_.push_back(guests_.back().get());
  }

  SteadyTime turn(SteadyTime at) override {
    if (at >= next_hurry_) {
      for (const auto& guest : guests_) guest->hurry(at);
      next_hurry_ = at + 1s;
    }
    if (start_ == SteadyTime{}) start_ = at;
    while (!away_.empty() && opened_ < quota_ && due() <= at && !churn_.ending.load(std::memory_order_relaxed)) {
      Guest& guest = *away_.front();
      away_.pop_front();
      guest.comes(period_.count() > 0 ? due() : at);
      ++opened_;
      worker_.open(guest.client(), broker_);
    }
    const bool can_open = !away_.empty() && opened_ < quota_;
    return can_open ? std::min(due(), next_hurry_) : next_hurry_;
  }

  Churn& churn() { return churn_; }
  std::vector<std::unique_ptr<Guest>>& guests() { return guests_; }

 private:
  SteadyTime due() const { return start_ + period_ * static_cast<SteadyTime::rep>(opened_); }

  Worker& worker_;
  const Endpoint broker_;
  const SteadyTime::duration period_;
  const std::uint64_t quota_;  ///< connects in all
  Churn churn_;
  std::vector<std::unique_ptr<Guest>> guests_;
  std::deque<Guest*> away_;
  SteadyTime start_{};
  SteadyTime next_hurry_{};
  std::uint64_t opened_ = 0;
};

/// One run, from the main thread's side.
class ChurnRun {
 public:
  ChurnRun(Run run, const Endpoint& broker);
  void go();

 private:
  struct Sample {
    SteadyTime at;
    std::uint64_t connected;
    std::optional<ProcessUse> broker;
  };

  /// Until `until`, or all is done. False: the user wants the run to end.
  bool watch(const char* what, SteadyTime until);
  bool done() const;
  Sample sample() const { return {now(), sum(&Churn::connected), process_use(run_.options.broker_pid)}; }
  void tell(const Sample& before, const Sample& after);
  std::uint64_t sum(Count Churn::*count) const;
  Histogram sum(LiveHistogram Churn::*histogram) const;

  Run run_;
  const std::uint32_t clients_;
  Engine engine_;
  std::vector<std::unique_ptr<ChurnWorker>> workers_;
  const SteadyTime start_;
};

ChurnRun::ChurnRun(Run run, const Endpoint& broker)
    : run_(run), clients_(run.options.clients.value_or(kClients)), engine_(run.options.threads), start_(now()) {
  const Options& options = run.options;
  const std::uint64_t threads = engine_.size();
  for (std::size_t i = 0; i < threads; ++i) {
    const std::uint64_t quota = options.count > 0 ? options.count / threads + (i < options.count % threads ? 1 : 0)
                                                  : std::numeric_limits<std::uint64_t>::max();
    const double rate = options.rate / static_cast<double>(threads);
    workers_.push_back(std::make_unique<ChurnWorker>(engine_.worker(i), broker, rate, quota));
    Churn& churn = workers_.back()->churn();
    churn.measure_from = start_ + options.time_to_warm_up();
    churn.measure_until = churn.measure_from + options.time_to_measure();
  }
  for (std::uint32_t i = 0; i < clients_; ++i) {
    auto settings = client_settings(options, 'c' + std::to_string(i), i);
    settings.filters = idle_filters(options, options.filters.value_or(0), i, settings.client_id);
    workers_[i % threads]->add(std::move(settings));
  }
}

void ChurnRun::go() {
  Sample before = sample();
  run_.progress.begin(start_);
  for (std::size_t i = 0; i < workers_.size(); ++i) engine_.start(i, *workers_[i]);
  const auto& times = workers_.front()->churn();
  bool goes_on = watch("warm up", times.measure_from);
  if (run_.options.count == 0) before = sample();
  if (goes_on) watch("measure", times.measure_until);
  const Sample after = sample();
  for (const auto& worker : workers_) worker->churn().ending = true;
  engine_.stop();
  if (goes_on) {
    tell(before, after);
  } else {
    run_.report.note("ended during the warm up: nothing was measured");
  }
  for (const auto& worker : workers_) {
    for (const auto& guest : worker->guests()) guest->client().disconnect();
  }
}

bool ChurnRun::watch(const char* what, SteadyTime until) {
  while (now() < until && !done()) {
    if (run_.interrupts.sleep_until(std::min(until, now() + kLookEvery))) return false;
    if (!run_.progress.due(now())) continue;
    run_.progress.tell(now(), what,
                       run_.options.count > 0 ? SteadyTime::max() : workers_.front()->churn().measure_until,
                       {.in_name = "connects",
                        .out_name = "rounds",
                        .in = sum(&Churn::connected),
                        .out = sum(&Churn::rounds),
                        .latency = sum(&Churn::accepted)});
  }
  return true;
}

bool ChurnRun::done() const {
  const std::uint64_t failed = sum(&Churn::failed);
  return failed == clients_ || (run_.options.count > 0 && sum(&Churn::rounds) + failed >= run_.options.count);
}

void ChurnRun::tell(const Sample& before, const Sample& after) {
  Report& report = run_.report;
  const auto connected = static_cast<double>(after.connected - before.connected);
  const double seconds = std::chrono::duration<double>(after.at - before.at).count();
  report.text("scenario", "scenario", "churn");
  report.number("clients", "clients", clients_);
  report.number("filters", "subscriptions each", run_.options.filters.value_or(0));
  report.number("threads", "threads", run_.options.threads);
  if (run_.options.rate > 0) report.number("rate", "rate asked for", run_.options.rate, "/s");
  report.number("secs", "measured", seconds, "s");
  report.number("connects_per_s", "connects", connected / seconds, "/s");
  report.latency("CONNACK after", sum(&Churn::measured));
  tell_latency(report, "suback_", "SUBACK after", sum(&Churn::subscribed));
  if (before.broker && after.broker && connected > 0) {
    const double cpu = (after.broker->cpu - before.broker->cpu).count();
    report.number("cpu_ms_per_connect", "broker's CPU a connect", cpu * 1e3 / connected, "ms");
    report.number("broker_cores", "broker's cores", cpu / seconds);
    report.number("rss_mb", "broker's memory", after.broker->resident_bytes / (1 << 20), "MiB");
  }
  if (const auto lingered = sum(&Churn::lingered); lingered > 0) {
    report.note(std::to_string(lingered) + " times the broker had not closed 5 s after a DISCONNECT");
  }
  if (run_.options.rate > 0 && run_.options.count == 0 && connected < run_.options.rate * seconds * 0.99) {
    report.note("the rate was not reached: --clients bounds how many can be on their way");
  }
  std::uint64_t failed = sum(&Churn::failed);
  if (failed == 0) return;
  for (const auto& worker : workers_) {
    if (worker->churn().first_fault.empty()) continue;
    return report.fault(std::to_string(failed) +
                        " clients failed and stayed away; one of them: " + worker->churn().first_fault);
  }
}

std::uint64_t ChurnRun::sum(Count Churn::*count) const {
  std::uint64_t total = 0;
  for (const auto& worker : workers_) total += (worker->churn().*count).get();
  return total;
}

Histogram ChurnRun::sum(LiveHistogram Churn::*histogram) const {
  Histogram total;
  for (const auto& worker : workers_) total.add((worker->churn().*histogram).snapshot());
  return total;
}

}  // namespace

void run_churn(Run run) {
  if (const auto broker = broker_of(run)) ChurnRun(run, *broker).go();
}

}  // namespace bramble::bench
