#include "tools/bench/stored.h"

namespace bramble::bench {

namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t kMessages = 100'000;
constexpr std::uint32_t kSessionExpiry = 3'600;  ///< seconds
constexpr auto kSettling = 500ms;
constexpr auto kLateDuplicates = 300ms;

/// At QoS 0 nothing is kept for who is away.
Options at_least_once(Options options) {
  if (!options.has("--qos")) options.qos = mqtt::Qos::at_least_once;
  return options;
}

/// One run: a session that goes, messages for it, and its return.
class OfflineRun {
 public:
  OfflineRun(Run run, const Endpoint& broker)
      : run_(run),
        count_(run.options.count > 0 ? run.options.count : kMessages),
        stage_(run, broker),
        sending_(stage_, run.options, run.options.publishers.value_or(1), 1),
        receiving_(stage_, session_settings(run.options), count_, sending_.run()) {}

  void go() {
    describe_stored(run_, "offline", count_);
    if (receiving_.connect("subscribe") && receiving_.leave() && sending_.connect() && queue()) receive();
    sending_.disconnect();
    forget_session();
  }

 private:
  static LoadClient::Settings session_settings(const Options& options) {
    auto settings = client_settings(options, "s0", 0);
    settings.clean_start = false;
    if (options.version == mqtt::Version::v5) settings.session_expiry = options.session_expiry.value_or(kSessionExpiry);
    settings.filters = {options.topic + "/+"};
    return settings;
  }

  bool queue() {
    BrokerUse broker{.before = stage_.broker_use(), .after = {}};
    const SteadyTime start = Stage::now();
    const auto topic = [prefix = run_.options.topic](std::uint64_t) { return prefix + "/1"; };
    if (!sending_.send("queue", {.count = count_, .topic = topic, .qos = run_.options.qos})) return false;
    const double time = std::chrono::duration<double>(Stage::now() - start).count();
    if (broker.before) stage_.rest(kSettling);
    broker.after = stage_.broker_use();
    Report& report = run_.report;
    const auto messages = static_cast<double>(count_);
    report.number("queue_s", "queued in", time, "s");
    report.number("queued_per_s", "queued", messages / time, "/s");
    if (const auto cpu = broker.cpu_per_million(messages)) {
      report.number("queue_cpu_per_M", "broker's CPU a million queued", *cpu, "s");
      report.number("rss_per_queued_b", "broker's memory a queued message", *broker.memory_each(messages), "bytes");
    }
    return true;
  }

  void receive() {
    BrokerUse broker{.before = stage_.broker_use(), .after = {}};
    const SteadyTime start = Stage::now();
    if (!receiving_.connect("connect")) return;
    if (!receiving_.client().session_present()) run_.report.fault("the broker did not keep the session");
    receiving_.receive("receive");
    broker.after = stage_.broker_use();
    stage_.rest(kLateDuplicates);
    tell_received(run_, receiving_, start, broker);
    const Tally tally = receiving_.tally();
    run_.report.number("ooo", "out of order", static_cast<double>(tally.reordered));
    if (tally.reordered > 0) run_.report.fault(std::to_string(tally.reordered) + " messages out of order");
    if (tally.lost > 0) run_.report.note("brokers bound what they queue: Mosquitto by max_queued_messages, 1000");
  }

  /// What is left of it, and of its queue, goes with a CONNECT that wants a new one.
  void forget_session() {
    stage_.clean_up();
    if (receiving_.client().ready() && !receiving_.leave()) return;
    auto settings = session_settings(run_.options);
    settings.clean_start = true;
    settings.session_expiry = 0;
    settings.filters.clear();
    Receiving last(stage_, std::move(settings), 0, 0);
    last.connect("clean up");
    last.client().disconnect();
  }

  Run run_;
  const std::uint64_t count_;
  Stage stage_;
  Sending sending_;
  Receiving receiving_;
};

}  // namespace

void run_offline(Run run) {
  const Options options = at_least_once(run.options);
  if (options.qos == mqtt::Qos::at_most_once || options.granted_qos() == mqtt::Qos::at_most_once) {
    return run.report.fault("offline needs --qos and --sub-qos 1 or 2: at QoS 0 nothing is kept for who is away");
  }
  const Run with_qos{options, run.interrupts, run.report, run.progress};
  if (const auto broker = broker_of(with_qos)) OfflineRun(with_qos, *broker).go();
}

}  // namespace bramble::bench
