#include <algorithm>
#include <cstdio>
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <string>
#include <vector>

#include "tests/stress/latency_probe.h"
#include "tests/stress/swarm.h"

// A crowd that loses its network and comes back at once.
namespace bramble::testing {
namespace {

constexpr int kFilters = 10;

std::vector<Filter> filters_of(std::size_t client) {
  std::vector<Filter> filters;
  for (int i = 0; i < kFilters; ++i) filters.push_back({fmt::format("room/{}/{}", client, i)});
  return filters;
}

/// Each step by all of them in one go, so that the broker finds it on thousands of sockets at once.
std::vector<Peer*> come(Swarm& swarm, std::size_t clients) {
  std::vector<Peer*> crowd;
  for (std::size_t i = 0; i < clients; ++i) crowd.push_back(&swarm.open({.client_id = fmt::format("crowd-{}", i)}));
  const auto all = [&] {
    return std::all_of(crowd.begin(), crowd.end(), [](Peer* peer) { return peer->connected(); });
  };
  if (!swarm.until(all)) return {};
  for (std::size_t i = 0; i < clients; ++i) crowd[i]->subscribe(filters_of(i));
  return swarm.settle() ? crowd : std::vector<Peer*>();
}

}  // namespace

TEST_CASE("thousands of clients who go and come back at once do not keep others waiting") {
  const Broker broker("threads 2\nlog_type error");
  const double quiet = quiet_p99(broker, Milliseconds(500));
  Swarm swarm(broker);
  const std::size_t clients = short_run() ? 2'000 : 16'000;
  auto crowd = come(swarm, clients);
  REQUIRE(crowd.size() == clients);

  LatencyProbe probe(broker, "at work");
  for (int storm = 0; storm < 2; ++storm) {
    for (Peer* peer : crowd) peer->close();
    for (Peer* peer : crowd) swarm.forget(*peer);
    crowd = come(swarm, clients);
    REQUIRE(crowd.size() == clients);
  }
  probe.stop();
  const double p99 = probe.milliseconds_at_any_time(0.99);
  std::printf("storm of %zu clients: p99 %.1f ms, quiet %.1f ms\n", clients, p99, quiet);
  CHECK(probe.messages() > 100);
  if (optimised()) CHECK(p99 < 50 + quiet);  // 70 to 100 when they stood in line before it
}

}  // namespace bramble::testing
