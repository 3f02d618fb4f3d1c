#include <doctest/doctest.h>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "tests/bench/relay.h"
#include "tools/bench/scenario.h"

using namespace bramble::bench;
using bramble::testing::Relay;

namespace {

using Texts = std::vector<std::string>;

Options one_pair(const Relay& relay) {
  Options options;
  options.port = relay.port();
  options.publishers = 1;
  options.count = 1'000;
  options.client_id = "test";
  options.quiet = true;
  return options;
}

Report run_scenario(void (*scenario)(Run), const Options& options, Viewer* viewer = nullptr) {
  Interrupts interrupts;
  Report report;
  Progress progress(0, viewer ? std::vector{viewer} : std::vector<Viewer*>());
  scenario({options, interrupts, report, progress});
  return report;
}

/// Keeps what it was shown last.
struct Watcher final : Viewer {
  void show(const Moment& moment) override { last = moment.counts; }
  Counts last;
};

void forward_all(std::uint64_t, std::string_view packet, std::string& to_subscriber) { to_subscriber += packet; }

}  // namespace

TEST_CASE("pairs through an honest relay has no fault") {
  const Relay relay(forward_all);
  const Report report = run_scenario(run_pairs, one_pair(relay));
  CHECK(report.faults() == Texts{});
  CHECK(report.notes() == Texts{});
}

TEST_CASE("pairs through a relay that drops, doubles and swaps reports exactly that") {
  std::string held_back;
  const Relay relay([&held_back](std::uint64_t sequence, std::string_view packet, std::string& to_subscriber) {
    if (sequence >= 100 && sequence < 105) return;  // five dropped
    if (sequence == 300) {                          // this one behind the next
      held_back = packet;
      return;
    }
    to_subscriber += packet;
    if (sequence == 200 || sequence == 201) to_subscriber += packet;  // two doubled
    if (sequence == 301) to_subscriber += held_back;
  });
  const Report report = run_scenario(run_pairs, one_pair(relay));
  CHECK(report.faults() == Texts{"5 messages lost", "2 messages delivered more than once", "1 messages out of order"});
}

TEST_CASE("what is missing, doubled and out of order shows while the run goes on") {
  const Relay relay([](std::uint64_t sequence, std::string_view packet, std::string& to_subscriber) {
    if (sequence == 100) return;
    to_subscriber += packet;
    if (sequence == 200) to_subscriber += packet;
  });
  Options options = one_pair(relay);
  options.rate = 600;  // so that it lasts longer than the second after which it is shown
  Watcher watcher;
  run_scenario(run_pairs, options, &watcher);
  CHECK(watcher.last.missing == 1);
  CHECK(watcher.last.duplicates == 1);
  CHECK(watcher.last.reordered == 0);
  CHECK(watcher.last.connected == 2);
  CHECK(watcher.last.in > 200);
  CHECK(watcher.last.latency.count() > 200);
}

TEST_CASE("messages far larger than the sockets take arrive whole, in both directions") {
  const Relay relay(forward_all, 4'096);
  Options options = one_pair(relay);
  options.payload_bytes = 300'000;
  options.count = 20;
  CHECK(run_scenario(run_pairs, options).faults() == Texts{});
}

TEST_CASE("payloads too small for a sequence number flow unchecked, and the report says so") {
  const Relay relay(forward_all);
  Options options = one_pair(relay);
  options.payload_bytes = 23;
  const Report report = run_scenario(run_pairs, options);
  CHECK(report.faults() == Texts{});
  REQUIRE(report.notes().size() == 1);
  CHECK(report.notes()[0].starts_with("below 24 bytes"));
}

TEST_CASE("an open loop sends every message that is due") {
  const Relay relay(forward_all);
  Options options = one_pair(relay);
  options.rate = 20'000;
  const Report report = run_scenario(run_pairs, options);
  CHECK(report.faults() == Texts{});
  CHECK(report.notes() == Texts{});
}

TEST_CASE(
    "a stall of the broker counts for every message that was due meanwhile, but in a closed loop only for a window") {
  const auto slow = [](std::uint64_t sequence, std::string_view packet, std::string& to_subscriber) {
    if (sequence == 100) std::this_thread::sleep_for(std::chrono::milliseconds(300));  // the stall itself
    to_subscriber += packet;
  };
  const auto above_100_ms = [](const Report& report) {
    std::uint64_t count = 0;
    for (std::size_t i = Histogram::bucket_of(std::chrono::milliseconds(100)); i < Histogram::kBuckets; ++i) {
      count += report.latencies().in_bucket(i);
    }
    return count;
  };
  const Relay open(slow), closed(slow);
  Options options = one_pair(open);
  options.rate = 1'000;
  CHECK(above_100_ms(run_scenario(run_pairs, options)) >= 180);  // those that were due in its first 200 ms, about
  CHECK(above_100_ms(run_scenario(run_pairs, one_pair(closed))) <= 64);
}

TEST_CASE("what nobody answers is a fault") {
  Options options;
  {
    const Relay relay(forward_all);
    options = one_pair(relay);
  }
  const Report report = run_scenario(run_pairs, options);
  REQUIRE(report.faults().size() == 2);
  CHECK(report.faults()[0] == "connected only 0 of 2 clients");
  CHECK(report.faults()[1].find("Connection refused") != std::string::npos);
}

TEST_CASE("conn connects every client and keeps it") {
  const Relay relay(forward_all);
  Options options;
  options.port = relay.port();
  options.clients = 20;
  options.duration = std::chrono::milliseconds(1);
  options.quiet = true;
  CHECK(run_scenario(run_conn, options).faults() == Texts{});
}
