#include <algorithm>
#include <chrono>
#include <cstdio>
#include <doctest/doctest.h>
#include <string>
#include <vector>

#include "tests/stress/swarm.h"
#include "tests/support/client.h"

// docs/design.md, Limits: what clients cost that send more than max_publish_rate allows.
namespace bramble::testing {
namespace {

double milliseconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
}

double milliseconds_to_publish(Client& client) {
  const auto start = std::chrono::steady_clock::now();
  client.publish({.topic = "else", .qos = 1});
  return milliseconds_since(start);
}

}  // namespace

TEST_CASE("clients that flood cost what max_publish_rate lets through, and little memory, and hold up nobody else") {
  constexpr std::size_t kClients = 900;
  const Broker broker("max_publish_rate 100");
  Swarm swarm(broker);
  const auto flooders = swarm.open_many(kClients, "flooder");
  const double empty = static_cast<double>(broker.rss_bytes());
  for (Peer* flooder : flooders) {
    for (int i = 0; i < 4000; ++i) flooder->publish("much", std::string(40, 'x'), 0);
  }
  swarm.pass(Seconds(2));
  Client other(broker);
  std::vector<double> times;
  const double before = broker.cpu_seconds();
  for (int i = 0; i < 200; ++i) {  // below its own limit
    let_pass(Milliseconds(12));
    times.push_back(milliseconds_to_publish(other));
  }
  const double cpu = (broker.cpu_seconds() - before) / (200 * 0.012);
  const double memory = static_cast<double>(broker.rss_bytes()) - empty;
  std::ranges::sort(times);
  std::printf(
      "%zu flooding clients at 100 messages a second: %.0f %% of a core, %.0f MB; another's PUBACK at QoS 1: "
      "median %.2f, p95 %.2f ms\n",
      kClients, cpu * 100, memory / 1e6, times[100], times[190]);
  if (!optimised()) return;
  CHECK(cpu < 0.1);
  CHECK(memory < kClients * 30e3);
  CHECK(times[190] < 3);
}

TEST_CASE("a reload ends clients that wait to publish, while others find no place") {
  constexpr std::size_t kClients = 300;
  const std::string options = "threads 1\nmax_publish_rate 1\nmax_connections 300";
  Broker broker(options);
  Swarm swarm(broker);
  for (int round = 0; round < (short_run() ? 3 : 20); ++round) {
    CAPTURE(round);
    const auto flooders = swarm.open_many(kClients, "flooder" + std::to_string(round));
    for (Peer* flooder : flooders) {
      for (int i = 0; i < 2000; ++i) flooder->publish("much", std::string(40, 'x'), 0);
    }
    swarm.pass(Milliseconds(50));
    RawClient(broker.port()).expect_close();  // so it is looked for those who have hung up
    broker.reconfigure(options + "\nlistener_allow_anonymous false");
    REQUIRE(swarm.until([&] { return std::ranges::all_of(flooders, [](Peer* each) { return each->closed(); }); }));
    broker.reconfigure(options);
    for (Peer* flooder : flooders) swarm.forget(*flooder);
  }
}

TEST_CASE("who sent more than it may and said DISCONNECT leaves no Will though nobody comes back") {
  const Broker broker("max_publish_rate 1");
  Client watcher(broker);
  watcher.subscribe("will");
  Connect connect = persistent(Version::v5, "eager");
  connect.will = Will{.topic = "will", .payload = "gone"};
  Client publisher(broker, connect);
  for (int i = 0; i < 100; ++i) publisher.send(encode(Version::v5, Publish{.topic = "much", .payload = "x"}));
  publisher.send("E0 00"_hex);
  publisher.close();
  let_pass(Seconds(9));
  broker.wait_for_log("disconnected.");
  watcher.expect_nothing();
}

}  // namespace bramble::testing
