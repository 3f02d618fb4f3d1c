#include "tools/bench/stored.h"

namespace bramble::bench {

namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t kMessages = 100'000;
constexpr std::uint32_t kPublishers = 10;
constexpr auto kSettling = 1s;
constexpr auto kLateDuplicates = 300ms;

/// The tree that loadgen has, too.
std::string topic(const std::string& prefix, std::uint64_t i) {
  return prefix + "/" + std::to_string(i % 100) + "/" + std::to_string(i / 100 % 100) + "/" + std::to_string(i);
}

/// One run: publish, receive, take away again.
class RetainedRun {
 public:
  RetainedRun(Run run, const Endpoint& broker)
      : run_(run),
        count_(run.options.count > 0 ? run.options.count : kMessages),
        stage_(run, broker),
        sending_(stage_, run.options, run.options.publishers.value_or(kPublishers), 1),
        receiving_(stage_, client_settings(run.options, "s0", 0), count_, sending_.run()) {}

  void go() {
    describe_stored(run_, "retained", count_);
    if (!sending_.connect()) return;
    if (publish()) receive();
    take_away();
    receiving_.client().disconnect();
    sending_.disconnect();
  }

 private:
  Sending::Load load() const {
    return {.count = count_,
            .topic = [prefix = run_.options.topic](std::uint64_t i) { return topic(prefix, i); },
            .qos = run_.options.qos,
            .retain = true};
  }

  bool publish() {
    BrokerUse broker{.before = stage_.broker_use(), .after = {}};
    const SteadyTime start = Stage::now();
    if (!sending_.send("publish", load())) return false;
    const double time = std::chrono::duration<double>(Stage::now() - start).count();
    if (broker.before) stage_.rest(kSettling);
    broker.after = stage_.broker_use();
    Report& report = run_.report;
    const auto messages = static_cast<double>(count_);
    report.number("publish_s", "published in", time, "s");
    report.number("published_per_s", "published", messages / time, "/s");
    if (const auto cpu = broker.cpu_per_million(messages)) {
      report.number("publish_cpu_per_M", "broker's CPU a million published", *cpu, "s");
      report.number("rss_per_retained_b", "broker's memory a retained message", *broker.memory_each(messages), "bytes");
    }
    if (sending_.refused() > 0) report.fault(std::to_string(sending_.refused()) + " messages refused by the broker");
    return true;
  }

  void receive() {
    BrokerUse broker{.before = stage_.broker_use(), .after = {}};
    if (!receiving_.connect("connect")) return;
    const SteadyTime start = Stage::now();
    receiving_.client().subscribe({run_.options.topic + "/#"});
    receiving_.client().flush();
    receiving_.receive("receive");
    broker.after = stage_.broker_use();
    stage_.rest(kLateDuplicates);
    tell_received(run_, receiving_, start, broker);
    if (receiving_.live() > 0) {
      run_.report.fault(std::to_string(receiving_.live()) + " retained messages came without RETAIN");
    }
  }

  /// An empty payload takes a retained message away  [MQTT-3.3.1-6]. At QoS 1, so that we know when it is done.
  void take_away() {
    if (!sending_.connected()) return;
    stage_.clean_up();
    Sending::Load none = load();
    none.count = sending_.started();
    none.qos = mqtt::Qos::at_least_once;
    none.empty = true;
    if (none.count > 0) sending_.send("clean up", std::move(none));
  }

  Run run_;
  const std::uint64_t count_;
  Stage stage_;
  Sending sending_;
  Receiving receiving_;
};

}  // namespace

void run_retained(Run run) {
  if (const auto broker = broker_of(run)) RetainedRun(run, *broker).go();
}

}  // namespace bramble::bench
