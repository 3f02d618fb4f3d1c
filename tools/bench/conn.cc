#include <memory>
#include <optional>

#include "tools/bench/process.h"
#include "tools/bench/scenario.h"

namespace bramble::bench {

namespace {

using namespace std::chrono_literals;

constexpr std::uint32_t kClients = 1'000;
constexpr std::uint32_t kHandshakesAtOnce = 256;
constexpr auto kQuietMax = 20s;

SteadyTime now() { return std::chrono::steady_clock::now(); }

/// What the connections of one worker share.
struct Handshakes {
  std::atomic<std::uint32_t> done{0};
  std::atomic<std::uint32_t> failed{0};   ///< never connected
  std::atomic<std::uint32_t> dropped{0};  ///< was connected, and then not any more
  LiveHistogram latency;
};

/// One connection: connects, and then stays.
class Visitor final : public ClientEvents {
 public:
  Visitor(Handshakes& handshakes, Connector& connector, LoadClient::Settings settings)
      : handshakes_(handshakes), connector_(connector), client_(std::move(settings), *this) {}

  LoadClient& client() { return client_; }
  void intended(SteadyTime at) { intended_ = at; }

  void on_ready(LoadClient&, SteadyTime at) override {
    connector_.handshake_ended();
    handshakes_.latency.record(at - intended_);
    handshakes_.done.fetch_add(1, std::memory_order_relaxed);
  }
  void on_closed(LoadClient& client) override {
    if (!client.was_ready()) connector_.handshake_ended();
    (client.was_ready() ? handshakes_.dropped : handshakes_.failed).fetch_add(1, std::memory_order_relaxed);
  }

 private:
  Handshakes& handshakes_;
  Connector& connector_;
  LoadClient client_;
  SteadyTime intended_{};
};

/// The connections of one worker.
class ConnWorker final : public Task {
 public:
  ConnWorker(Engine& engine, std::size_t index, const Options& options, const Endpoint& broker)
      : connector_(engine.worker(index), broker, share(options.window.value_or(kHandshakesAtOnce), engine),
                   options.rate / static_cast<double>(engine.size())) {}

  void add(LoadClient::Settings settings) {
    visitors_.push_back(std::make_unique<Visitor>(handshakes_, connector_, std::move(settings)));
    connector_.add(visitors_.back()->client());
  }
  SteadyTime turn(SteadyTime at) override {
    return connector_.turn(at, [this](std::size_t i, SteadyTime intended) { visitors_[i]->intended(intended); });
  }

  const Handshakes& handshakes() const { return handshakes_; }
  const std::vector<std::unique_ptr<Visitor>>& visitors() const { return visitors_; }

 private:
  static std::size_t share(std::size_t of, const Engine& engine) {
    return std::max<std::size_t>(of / engine.size(), 1);
  }

  Handshakes handshakes_;
  Connector connector_;
  std::vector<std::unique_ptr<Visitor>> visitors_;
};

/// One run, from the main thread's side.
class ConnRun {
 public:
  ConnRun(Run run, const Endpoint& broker);
  void go();

 private:
  /// Until nothing more is on its way, or the user wants the run to end. Returns when the last handshake ended.
  SteadyTime connect_all();
  /// Until `until`, or the user wants the run to end. False: they do.
  bool watch(const char* what, SteadyTime until, bool until_ends_it);
  Counts counts() const;
  void tell(SteadyTime::duration connecting, SteadyTime::duration held);
  void tell_broker(SteadyTime::duration held);
  std::uint32_t sum(std::atomic<std::uint32_t> Handshakes::*count) const;
  Histogram latency() const;
  std::string first_fault() const;

  Run run_;
  const std::uint32_t clients_;
  Engine engine_;
  std::vector<std::unique_ptr<ConnWorker>> workers_;
  SteadyTime start_{};
  std::optional<ProcessUse> before_, connected_, after_;  ///< the broker's
};

ConnRun::ConnRun(Run run, const Endpoint& broker)
    : run_(run), clients_(run.options.clients.value_or(kClients)), engine_(run.options.threads), start_(now()) {
  for (std::size_t i = 0; i < engine_.size(); ++i) {
    workers_.push_back(std::make_unique<ConnWorker>(engine_, i, run.options, broker));
  }
  for (std::uint32_t i = 0; i < clients_; ++i) {
    auto settings = client_settings(run.options, 'c' + std::to_string(i), i);
    settings.filters = idle_filters(run.options, run.options.filters.value_or(0), i, settings.client_id);
    workers_[i % workers_.size()]->add(std::move(settings));
  }
}

void ConnRun::go() {
  if (!run_.may_start()) return run_.report.note("ended before the start");
  start_ = now();
  before_ = process_use(run_.options.broker_pid);
  run_.progress.begin(start_);
  for (std::size_t i = 0; i < workers_.size(); ++i) engine_.start(i, *workers_[i]);
  const SteadyTime connected = connect_all();
  const SteadyTime held_from = now();
  connected_ = process_use(run_.options.broker_pid);
  if (!run_.interrupts.seen()) {
    watch("hold", held_from + run_.options.time_to_measure(), true);
  }
  after_ = process_use(run_.options.broker_pid);
  const auto held = now() - held_from;
  engine_.stop();
  tell(connected - start_, held);
  for (const auto& worker : workers_) {
    for (const auto& visitor : worker->visitors()) visitor->client().disconnect();
  }
}

SteadyTime ConnRun::connect_all() {
  std::uint32_t before = 0;
  SteadyTime last = start_;
  while (before < clients_ && now() - last < kQuietMax) {
    if (!watch("connect", now() + 1ms, false)) break;
    const std::uint32_t ended = sum(&Handshakes::done) + sum(&Handshakes::failed);
    if (ended != before) last = now();
    before = ended;
  }
  return last;
}

bool ConnRun::watch(const char* what, SteadyTime until, bool until_ends_it) {
  while (now() < until) {
    if (run_.interrupts.sleep_until(std::min(until, now() + 100ms))) return false;
    if (!run_.progress.due(now())) continue;
    run_.progress.tell(now(), what, until_ends_it ? until : SteadyTime::max(), counts());
  }
  return true;
}

Counts ConnRun::counts() const {
  return {.in_name = "connects",
          .out_name = "dropped",
          .in = sum(&Handshakes::done),
          .out = sum(&Handshakes::dropped),
          .connected = sum(&Handshakes::done) - sum(&Handshakes::dropped),
          .latency = latency()};
}

void ConnRun::tell(SteadyTime::duration connecting, SteadyTime::duration held) {
  const double seconds = std::chrono::duration<double>(connecting).count();
  const double done = sum(&Handshakes::done);
  Report& report = run_.report;
  report.text("scenario", "scenario", "conn");
  report.number("clients", "clients", clients_);
  report.number("threads", "threads", run_.options.threads);
  if (run_.options.rate > 0) report.number("rate", "rate asked for", run_.options.rate, "/s");
  report.number("connected", "connected", done);
  report.number("setup_s", "in", seconds, "s");
  if (seconds > 0) report.number("connects_per_s", "connects", done / seconds, "/s");
  report.latency("CONNACK after", latency());
  if (done > 0) tell_broker(held);
  if (done < clients_ && run_.interrupts.seen() && sum(&Handshakes::failed) == 0) {
    report.note("ended before all were connected");
  } else if (done < clients_) {
    report.fault("connected only " + std::to_string(sum(&Handshakes::done)) + " of " + std::to_string(clients_) +
                 " clients; " + first_fault());
  }
  if (const auto dropped = sum(&Handshakes::dropped); dropped > 0) {
    report.fault(std::to_string(dropped) + " connections did not last; " + first_fault());
  }
}

void ConnRun::tell_broker(SteadyTime::duration held) {
  if (!before_ || !connected_ || !after_) return;
  const double done = sum(&Handshakes::done);
  Report& report = run_.report;
  report.number("cpu_ms_per_connect", "broker's CPU a connect", (connected_->cpu - before_->cpu).count() * 1e3 / done,
                "ms");
  report.number("rss_per_conn_b", "broker's memory a connection",
                (after_->resident_bytes - before_->resident_bytes) / done, "bytes");
  report.number("rss_mb", "broker's memory", after_->resident_bytes / (1 << 20), "MiB");
  if (held > 100ms) {  // the kernel counts CPU time in steps of 10 ms
    report.number("idle_cores", "broker's cores while held",
                  (after_->cpu - connected_->cpu) / std::chrono::duration<double>(held));
  }
}

std::uint32_t ConnRun::sum(std::atomic<std::uint32_t> Handshakes::*count) const {
  std::uint32_t total = 0;
  for (const auto& worker : workers_) total += (worker->handshakes().*count).load(std::memory_order_relaxed);
  return total;
}

Histogram ConnRun::latency() const {
  Histogram total;
  for (const auto& worker : workers_) total.add(worker->handshakes().latency.snapshot());
  return total;
}

std::string ConnRun::first_fault() const {
  for (const auto& worker : workers_) {
    for (const auto& visitor : worker->visitors()) {
      const auto& client = visitor->client();
      if (client.closed()) return client.settings().client_id + ": " + client.fault();
    }
  }
  return "the others got no answer for 20 s";
}

}  // namespace

void run_conn(Run run) {
  if (const auto broker = broker_of(run)) ConnRun(run, *broker).go();
}

}  // namespace bramble::bench
