#include <algorithm>
#include <doctest/doctest.h>
#include <poll.h>
#include <string>
#include <thread>
#include <vector>

#include "tests/bench/proxy.h"
#include "tests/support/broker_fixture.h"
#include "tools/bench/remote/manager.h"
#include "tools/bench/remote/merge.h"
#include "tools/bench/remote/split.h"
#include "tools/bench/remote/worker.h"

using namespace bramble::bench;
using bramble::testing::Broker;
using bramble::testing::Proxy;
using std::chrono::microseconds;

namespace {

using Words = std::vector<std::string>;

Options options_of(const Words& words) {
  std::vector<const char*> list;
  for (const auto& word : words) list.push_back(word.c_str());
  Options options;
  REQUIRE(parse_options(static_cast<int>(list.size()), list.data(), options) == "");
  options.client_id = "me";
  return options;
}

std::string why_not(std::string_view scenario, const Words& words, std::size_t workers) {
  Parts parts;
  return split(scenario, options_of(words), workers, parts);
}

Parts parts_of(std::string_view scenario, const Words& words, std::size_t workers) {
  Parts parts;
  REQUIRE(split(scenario, options_of(words), workers, parts) == "");
  REQUIRE(parts.size() == workers);
  return parts;
}

/// What a worker makes of its words.
Options worker_options(const Words& words) {
  Options options = options_of(words);
  for (const auto& [name, value] : options.given) {
    if (name == "--client-id") options.client_id = value;
  }
  return options;
}

/// Two ends of one connection.
std::pair<Wire, Wire> both_ends() {
  int fds[2];
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0);
  return {Wire(Descriptor(fds[0])), Wire(Descriptor(fds[1]))};
}

Report part(double delivered, double p50, double cpu, std::vector<int> latencies) {
  Report report;
  report.text("scenario", "scenario", "pairs");
  report.number("qos", "QoS", 1);
  report.number("pubs", "publishers", 10);
  report.number("delivered", "messages delivered", delivered);
  report.number("delivered_per_s", "delivered", delivered / 10, "/s");
  report.number("gen_cpu_per_M", "own CPU a million", cpu, "s");
  report.number("gen_thread_busy", "busiest", p50);
  report.number("lost", "lost", 1);
  Histogram histogram;
  for (const int us : latencies) histogram.record(microseconds(us));
  report.latency("latency", histogram);
  return report;
}

double figure(const Report& report, std::string_view key) {
  const auto* row = report.find(key);
  REQUIRE_MESSAGE(row, key);
  return *row->value.number();
}

/// A worker on a free port of loopback that serves one manager.
class OneWorker {
 public:
  OneWorker() : listener_(listen_on({"127.0.0.1", 0})), thread_([this] { serve(); }) {}
  ~OneWorker() { thread_.join(); }
  Address address() const { return {"127.0.0.1", port_of(listener_)}; }

 private:
  void serve() {
    pollfd wait{.fd = listener_.get(), .events = POLLIN, .revents = 0};
    ::poll(&wait, 1, 20'000);
    serve_manager(Wire(Descriptor(::accept(listener_.get(), nullptr, nullptr))));
  }

  const Descriptor listener_;
  std::thread thread_;
};

const Scenario& scenario_named(std::string_view name) {
  return *std::find_if(kScenarios.begin(), kScenarios.end(), [name](const auto& each) { return each.name == name; });
}

Report manage(std::string_view scenario, const Options& options) {
  Interrupts interrupts;
  Report report;
  Progress progress;
  run_on_workers(scenario_named(scenario), {options, interrupts, report, progress});
  return report;
}

/// What a worker answers to `message`.
Json answer_to(Json::Object message) {
  auto [manager, worker] = both_ends();
  manager.send("run", std::move(message));
  serve_manager(std::move(worker));
  Json answer;
  REQUIRE(manager.receive(0, answer) == Wire::Got::message);
  return answer;
}

}  // namespace

TEST_CASE("pairs, rate and count are split so that the parts add up, with topics and client ids of their own") {
  const auto parts =
      parts_of("pairs", {"--pubs", "50", "--rate", "1000", "--count", "101", "--qos", "1", "--json", "--pid", "7"}, 3);
  std::uint32_t publishers = 0;
  std::uint64_t count = 0;
  double rate = 0;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const Options options = worker_options(parts[i]);
    publishers += options.publishers.value();
    count += options.count;
    rate += options.rate;
    CHECK(options.qos == bramble::mqtt::Qos::at_least_once);
    CHECK(options.topic == "bench/w" + std::to_string(i));
    CHECK(options.client_id == "me-w" + std::to_string(i));
    CHECK_FALSE(options.json);  // what concerns the manager's terminal and machine stays there
    CHECK(options.broker_pid == 0);
  }
  CHECK(publishers == 50);
  CHECK(count == 101);
  CHECK(rate == doctest::Approx(1'000));
}

TEST_CASE("a fan-in keeps each subscriber with the publishers that it hears") {
  std::uint32_t publishers = 0;
  for (const auto& words : parts_of("fanin", {"--pubs", "101", "--subs", "5"}, 2)) {
    const Options options = worker_options(words);
    const std::uint32_t subscribers = options.subscribers.value();
    publishers += options.publishers.value();
    CHECK(options.publishers.value() / subscribers == 20);  // 20 or 21 each
  }
  CHECK(publishers == 101);
}

TEST_CASE("conn splits its clients and its handshakes at once") {
  const auto parts = parts_of("conn", {"--clients", "1001"}, 2);
  CHECK(worker_options(parts[0]).clients.value() + worker_options(parts[1]).clients.value() == 1'001);
  CHECK(worker_options(parts[0]).window.value() + worker_options(parts[1]).window.value() == 256);
}

TEST_CASE("what cannot be split is refused with the reason") {
  CHECK(why_not("shared", {}, 2).find("cannot be split") != std::string::npos);
  CHECK(why_not("fanout", {"--count", "9"}, 2).find("--count") != std::string::npos);
  CHECK(why_not("pairs", {"--source", "127.0.0.1"}, 2).find("--source") != std::string::npos);
  CHECK(why_not("pairs", {"--pubs", "1"}, 2).find("has 1 of --pubs for 2 workers") != std::string::npos);
  CHECK(why_not("fanin", {}, 2).find("has 1 of --subs for 2 workers") != std::string::npos);
  CHECK(why_not("pairs", {"--pubs", "10", "--count", "9"}, 2).find("--count") != std::string::npos);
}

TEST_CASE(
    "parts are merged: counts and rates add up, costs are means by messages, percentiles come from all latencies") {
  const auto through_json = [](const Report& report) { return *Json::parse(Json(part_json(report)).dump()); };
  Report first = part(3'000, 0.5, 1, {10, 10, 10}), second = part(1'000, 0.9, 5, {1'000});
  second.fault("1 messages lost");
  Report all;
  REQUIRE(merge_parts({{"a", through_json(first)}, {"b", through_json(second)}}, all));
  CHECK(figure(all, "qos") == 1);
  CHECK(figure(all, "pubs") == 20);
  CHECK(figure(all, "delivered") == 4'000);
  CHECK(figure(all, "delivered_per_s") == 400);
  CHECK(all.find("delivered_per_s")->shown == "400 /s");
  CHECK(figure(all, "gen_cpu_per_M") == 2);
  CHECK(figure(all, "gen_thread_busy") == 0.9);
  CHECK(figure(all, "lost") == 2);
  CHECK(all.latencies().count() == 4);
  CHECK(figure(all, "p50_us") == doctest::Approx(10).epsilon(0.01));
  CHECK(figure(all, "max_us") == doctest::Approx(1'000).epsilon(0.01));
  CHECK(all.faults() == Words{"worker b: 1 messages lost"});
}

TEST_CASE("what is no part is not merged") {
  Report all;
  CHECK_FALSE(merge_parts({}, all));
  CHECK_FALSE(merge_parts({{"a", *Json::parse("{}")}}, all));
  CHECK_FALSE(merge_parts({{"a", *Json::parse("{\"rows\":[],\"latencies\":[[99999999,1]]}")}}, all));
}

TEST_CASE("counts come back as they were told") {
  Counts counts{.in_name = "connects",
                .out_name = "dropped",
                .in = 1,
                .out = 2,
                .connected = 3,
                .missing = 4,
                .duplicates = 5,
                .reordered = 6};
  counts.latency.record(microseconds(7));
  const auto back = read_counts(*Json::parse(Json(counts_json(counts)).dump()));
  REQUIRE(back);
  CHECK(Json(counts_json(*back)).dump() == Json(counts_json(counts)).dump());
  CHECK_FALSE(read_counts(*Json::parse("{\"in\":-1}")));
}

TEST_CASE("a wire carries messages of any size, and takes a peer that sends no message for gone") {
  auto [a, b] = both_ends();
  const std::string long_text(3'000'000, 'x');
  std::thread sender([&a = a, &long_text] {
    a.send("first", {{"text", long_text}});
    a.send("second");
  });
  Json message;
  REQUIRE(b.receive(5'000, message) == Wire::Got::message);
  CHECK(message.text_or("text", "") == long_text);
  REQUIRE(b.receive(5'000, message) == Wire::Got::message);
  CHECK(message.text_or("type", "") == "second");
  CHECK(b.receive(0, message) == Wire::Got::nothing);
  sender.join();
  CHECK(::send(a.fd(), "\xFF\xFF\xFF\xFF", 4, 0) == 4);  // longer than any message may be
  CHECK(b.receive(5'000, message) == Wire::Got::gone);
  auto [c, d] = both_ends();
  CHECK(::send(c.fd(), "\0\0\0\1x", 5, 0) == 5);  // no JSON
  CHECK(d.receive(5'000, message) == Wire::Got::gone);
}

TEST_CASE("a worker refuses another version, and what it has no scenario or option for") {
  const double right = Wire::kProtocol;
  const auto why = [](Json::Object message) {
    const Json answer = answer_to(std::move(message));
    CHECK(answer.text_or("type", "") == "refused");
    return answer.text_or("why", "");
  };
  CHECK(why({{"protocol", right + 1}, {"scenario", "pairs"}, {"arguments", Json::Array{}}}).find("same release") !=
        std::string::npos);
  CHECK(why({{"protocol", right}, {"scenario", "sh"}, {"arguments", Json::Array{}}}) == "no scenario sh");
  CHECK(why({{"protocol", right}, {"scenario", "pairs"}, {"arguments", Json::Array{"--nonsense"}}}) ==
        "unknown option --nonsense");
  for (const char* option : {"--report", "--prometheus", "--manager", "--pid", "--payload-file", "--source"}) {
    CHECK(why({{"protocol", right}, {"scenario", "pairs"}, {"arguments", Json::Array{option, "9"}}}) ==
          std::string(option) + " is not for workers");
  }
}

TEST_CASE("two workers play one run: every message is checked, and the report has the sum") {
  const Broker broker;
  const OneWorker first, second;
  Options options =
      options_of({"--pubs", "5", "--count", "2000", "--qos", "1", "--port", std::to_string(broker.port())});
  options.workers = {first.address(), second.address()};
  options.broker_pid = broker.pid();
  const Report report = manage("pairs", options);
  CHECK(report.faults() == Words{});
  CHECK(figure(report, "workers") == 2);
  CHECK(figure(report, "pubs") == 5);
  CHECK(figure(report, "published") == 2'000);
  CHECK(figure(report, "received") == 2'000);
  CHECK(figure(report, "lost") == 0);
  CHECK(report.latencies().count() == 2'000);
  CHECK(report.find("rss_mb"));
}

TEST_CASE("a fan-out over two workers is checked on both, and timed where its publisher is") {
  const Broker broker;
  const OneWorker first, second;
  Options options = options_of({"--subs", "5", "--rate", "500", "--warmup", "0", "--duration", "0.4", "--qos", "1",
                                "--port", std::to_string(broker.port())});
  options.workers = {first.address(), second.address()};
  const Report report = manage("fanout", options);
  CHECK(report.faults() == Words{});
  CHECK(figure(report, "pubs") == 1);
  CHECK(figure(report, "subs") == 5);
  CHECK(figure(report, "rate") == 500);
  CHECK(figure(report, "received") >= 5 * figure(report, "published"));
  CHECK(report.latencies().count() == 2 * 200);  // two of the five are where the publisher is
}

TEST_CASE("what a fan-out over two workers loses, at its end too, is told by each of them exactly") {
  const Broker broker;
  const Proxy proxy(broker.port(), bramble::mqtt::Version::v3_1_1,
                    [](const Stamp& stamp, std::string_view packet, std::string& out) {
                      if (stamp.sequence == 10 || stamp.sequence >= 100) return;
                      out += packet;
                      if (stamp.sequence == 20) out += packet;
                    });
  const OneWorker first, second;
  Options options = options_of(
      {"--subs", "4", "--rate", "500", "--warmup", "0", "--duration", "0.4", "--port", std::to_string(proxy.port())});
  options.workers = {first.address(), second.address()};
  const Report report = manage("fanout", options);
  CHECK(figure(report, "received") == 4 * 100);  // without 10, with 20 twice
  CHECK(figure(report, "dup") == 4);
  CHECK(figure(report, "lost") >= 4 * (1 + 200 - 100 - 1));
  Words lost;
  for (const auto& fault : report.faults()) {
    if (fault.ends_with("messages lost")) lost.push_back(fault.substr(fault.rfind(": ")));
  }
  REQUIRE(lost.size() == 2);
  CHECK(lost[0] == lost[1]);  // each has two subscribers
}

TEST_CASE("two workers connect the clients of one run") {
  const Broker broker;
  const OneWorker first, second;
  Options options = options_of({"--clients", "31", "--duration", "0.01", "--port", std::to_string(broker.port())});
  options.workers = {first.address(), second.address()};
  const Report report = manage("conn", options);
  CHECK(report.faults() == Words{});
  CHECK(figure(report, "connected") == 31);
}

TEST_CASE("a worker that finds no broker ends the run for all, and says so") {
  std::string nowhere;
  {
    const Descriptor listener = listen_on({"127.0.0.1", 0});
    nowhere = std::to_string(port_of(listener));
  }
  const OneWorker first, second;
  Options options = options_of({"--pubs", "4", "--port", nowhere});
  options.workers = {first.address(), second.address()};
  const Report report = manage("pairs", options);
  REQUIRE_FALSE(report.faults().empty());
  CHECK(report.faults()[0].find("connected only 0 of 4 clients") != std::string::npos);
}

TEST_CASE("a worker that cannot be reached is a fault with its address") {
  Options options = options_of({"--pubs", "4"});
  {
    const Descriptor listener = listen_on({"127.0.0.1", 0});
    options.workers = {{"127.0.0.1", port_of(listener)}};
  }
  const Report report = manage("pairs", options);
  CHECK(report.faults() ==
        Words{"worker 127.0.0.1:" + std::to_string(options.workers[0].port) + ": Connection refused"});
}
