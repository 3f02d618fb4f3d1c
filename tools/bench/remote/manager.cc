#include "tools/bench/remote/manager.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <random>

#include "tools/bench/process.h"
#include "tools/bench/remote/merge.h"
#include "tools/bench/remote/split.h"
#include "tools/bench/remote/wire.h"

namespace bramble::bench {

namespace {

using namespace std::chrono_literals;

constexpr int kAnswerMs = 10'000;
constexpr auto kLookEvery = 5ms;
constexpr auto kEndingMax = 90s;  ///< from when a worker was asked to stop to its result: it may still drain

SteadyTime now() { return std::chrono::steady_clock::now(); }

/// One worker as the manager sees it.
struct Part {
  std::string name;
  std::unique_ptr<Wire> wire;
  bool ready = false;
  Counts counts;
  std::string phase = "connect";
  std::optional<Json> result;
  bool told_sent = false;
};

/// The broker's CPU time and memory over the time that the workers measure.
struct BrokerWatch {
  std::optional<ProcessUse> before;
  std::optional<ProcessUse> after;
};

class ManagedWorkers {
 public:
  ManagedWorkers(const Scenario& scenario, Run run) : scenario_(scenario), run_(run) {}
  void go();

 private:
  bool call_all();
  bool call(const Address& address, std::vector<std::string> arguments);
  /// Until all are ready, or something is in the way. False: there is nothing to start.
  bool wait_for_all();
  void start_all();
  void watch();
  /// Takes what the workers say meanwhile, and shows it once a second. False: one is gone.
  bool look();
  bool take(Part& part);
  void pass_on_sent(Part& from, const Json& message);
  /// Whether parts wait for what part 0 sent.
  bool shares_publishers() const { return scenario_.name == "fanout"; }
  void watch_broker();
  void stop_all();
  void tell_progress();
  void tell_broker();
  bool all(bool (*holds)(const Part&)) const { return std::all_of(parts_.begin(), parts_.end(), holds); }
  bool is_conn() const { return scenario_.name == "conn"; }

  const Scenario& scenario_;
  Run run_;
  std::vector<Part> parts_;
  Json::Array machines_;  ///< what each says of its own
  SteadyTime measure_from_{};
  SteadyTime measure_until_ = SteadyTime::max();
  BrokerWatch broker_;
  const std::uint16_t stamps_run_ = static_cast<std::uint16_t>(std::random_device()());
};

void ManagedWorkers::go() {
  run_.progress.begin(now());
  if (!call_all() || !wait_for_all()) return stop_all();
  start_all();
  watch();
  std::vector<std::pair<std::string, Json>> results;
  for (auto& part : parts_) {
    if (part.result) results.emplace_back(part.name, std::move(*part.result));
  }
  run_.report.number("workers", "workers", static_cast<double>(parts_.size()));
  run_.report.about("worker_machines", std::move(machines_));
  if (results.size() < parts_.size())
    run_.report.fault("the figures are those of " + std::to_string(results.size()) + " workers");
  if (!results.empty() && !merge_parts(results, run_.report))
    run_.report.fault("a worker sent no result that can be read");
  tell_broker();
}

bool ManagedWorkers::call_all() {
  Parts arguments;
  const Options& options = run_.options;
  if (const auto why = split(scenario_.name, options, options.workers.size(), arguments); !why.empty()) {
    run_.report.fault(why);
    return false;
  }
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    if (!call(options.workers[i], arguments[i])) return false;
  }
  return true;
}

bool ManagedWorkers::call(const Address& address, std::vector<std::string> arguments) {
  Part part{.name = address.host + ":" + std::to_string(address.port), .wire = nullptr, .counts = {}, .result = {}};
  const auto fail = [&](const std::string& why) {
    run_.report.fault("worker " + part.name + ": " + why);
    return false;
  };
  const auto where = look_up(address);
  if (!where) return fail("no address for that name");
  const auto broker = look_up({run_.options.host, run_.options.port});
  if (broker && is_loopback(*broker) && !is_loopback(*where)) {
    return fail("for it " + run_.options.host + " is itself: give the broker's address in --host");
  }
  Descriptor socket(::socket(where->address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&where->address), where->size) != 0) {
    return fail(std::strerror(errno));
  }
  part.wire = std::make_unique<Wire>(std::move(socket));
  part.wire->send("run", {{"protocol", double{Wire::kProtocol}},
                          {"scenario", std::string(scenario_.name)},
                          {"arguments", Json::Array(arguments.begin(), arguments.end())},
                          {"part", static_cast<double>(parts_.size())},
                          {"run", static_cast<double>(stamps_run_)}});
  Json answer;
  if (part.wire->receive(kAnswerMs, answer) != Wire::Got::message)
    return fail("no answer: is it busy with another manager?");
  if (answer.text_or("type", "") != "hello") return fail("refused: " + answer.text_or("why", "it does not say why"));
  const Json* machine = answer.find("machine");
  machines_.push_back(Json::Object{{"worker", part.name}, {"machine", machine ? *machine : Json()}});
  parts_.push_back(std::move(part));
  return true;
}

bool ManagedWorkers::wait_for_all() {
  while (!all([](const Part& part) { return part.ready; })) {
    if (run_.interrupts.sleep_until(now() + kLookEvery)) {
      run_.report.note("ended before the start");
      return false;
    }
    if (!look()) return false;
    for (const Part& part : parts_) {
      if (!part.result) continue;  // it could not even begin, and says why
      merge_parts({{part.name, *part.result}}, run_.report);
      return false;
    }
  }
  return true;
}

void ManagedWorkers::start_all() {
  for (auto& part : parts_) part.wire->send("go");
  measure_from_ = now() + (is_conn() ? SteadyTime::duration::zero() : run_.options.time_to_warm_up());
  if (run_.options.count == 0 && !is_conn()) measure_until_ = measure_from_ + run_.options.time_to_measure();
}

void ManagedWorkers::watch() {
  SteadyTime give_up = SteadyTime::max();
  while (!all([](const Part& part) { return part.result.has_value(); }) && now() < give_up) {
    const bool wants_end = run_.interrupts.sleep_until(now() + kLookEvery);
    watch_broker();
    if ((!look() || wants_end) && give_up == SteadyTime::max()) {
      stop_all();
      give_up = now() + kEndingMax;
    }
    if (all([](const Part& part) { return part.result.has_value() || !part.wire; })) break;
  }
  if (!broker_.after) broker_.after = process_use(run_.options.broker_pid);
}

void ManagedWorkers::watch_broker() {
  if (!broker_.before && now() >= measure_from_) broker_.before = process_use(run_.options.broker_pid);
  const bool over = is_conn() ? all([](const Part& part) { return part.phase == "hold"; }) : now() >= measure_until_;
  if (!broker_.after && over) broker_.after = process_use(run_.options.broker_pid);
}

bool ManagedWorkers::look() {
  bool all_here = true;
  for (auto& part : parts_) {
    if (!part.wire || take(part)) continue;
    if (!part.result) run_.report.fault("worker " + part.name + " is gone");
    all_here &= part.result.has_value();
    part.wire.reset();
  }
  tell_progress();
  return all_here;
}

bool ManagedWorkers::take(Part& part) {
  Json message;
  while (true) {
    const auto got = part.wire->receive(0, message);
    if (got == Wire::Got::nothing) return true;
    if (got == Wire::Got::gone) return false;
    const auto type = message.text_or("type", "");
    if (type == "ready") part.ready = true;
    if (type == "result") part.result = message;
    if (type == "sent") pass_on_sent(part, message);
    if (type == "result" && shares_publishers() && &part == parts_.data() && !part.told_sent) stop_all();
    if (type == "progress") {
      auto counts = read_counts(message);
      if (!counts) return false;
      part.counts = std::move(*counts);
      part.phase = message.text_or("phase", "");
    }
  }
}

void ManagedWorkers::pass_on_sent(Part& from, const Json& message) {
  from.told_sent = true;
  const Json* counts = message.find("counts");
  for (auto& part : parts_) {
    if (&part != &from && part.wire && counts) part.wire->send("sent", {{"counts", *counts}});
  }
}

void ManagedWorkers::stop_all() {
  for (auto& part : parts_) {
    if (part.wire) part.wire->send("stop");
  }
}

void ManagedWorkers::tell_progress() {
  if (!run_.progress.due(now())) return;
  Counts sum;
  for (const auto& part : parts_) add_counts(sum, part.counts);
  run_.progress.tell(now(), parts_.empty() ? "connect" : parts_.front().phase, measure_until_, std::move(sum));
}

void ManagedWorkers::tell_broker() {
  if (!broker_.before || !broker_.after) return;
  Report& report = run_.report;
  const auto figure = [&report](std::string_view key) {
    const auto* row = report.find(key);
    return row && row->value.number() ? *row->value.number() : 0;
  };
  const double cpu = (broker_.after->cpu - broker_.before->cpu).count();
  const double messages = figure("delivered") > 0 ? figure("delivered") : figure("published");
  if (is_conn() && figure("connected") > 0) {
    report.number("cpu_ms_per_connect", "broker's CPU a connect", cpu * 1e3 / figure("connected"), "ms");
    report.number("rss_per_conn_b", "broker's memory a connection",
                  (broker_.after->resident_bytes - broker_.before->resident_bytes) / figure("connected"), "bytes");
  } else if (messages > 0) {
    report.number("cpu_per_M", "broker's CPU a million messages", cpu / messages * 1e6, "s");
    if (figure("secs") > 0) report.number("broker_cores", "broker's cores", cpu / figure("secs"));
  }
  report.number("rss_mb", "broker's memory", broker_.after->resident_bytes / (1 << 20), "MiB");
}

}  // namespace

void run_on_workers(const Scenario& scenario, Run run) { ManagedWorkers(scenario, run).go(); }

}  // namespace bramble::bench
