#include <cstdio>
#include <cstdlib>
#include <doctest/doctest.h>
#include <string>
#include <thread>

#include "tests/stress/swarm.h"

// What clients cost that do nothing. Figures are printed in every build and hold in a release build.
namespace bramble::testing {

TEST_CASE("an empty broker is small and idle, and an idle client with one subscription costs at most 2500 bytes") {
  const Broker broker("threads 2\nlog_type error");
  Swarm swarm(broker);
  Peer& first = swarm.open();
  REQUIRE(swarm.until([&] { return first.connected(); }));
  const double cpu_before = broker.cpu_seconds();
  const auto seconds = short_run() ? Seconds(2) : Seconds(5);
  std::this_thread::sleep_for(seconds);
  const double cpu = (broker.cpu_seconds() - cpu_before) / static_cast<double>(seconds.count());
  const std::uint64_t empty = broker.rss_bytes();

  const char* given = std::getenv("BRAMBLE_IDLE_CLIENTS");
  const std::size_t clients = given ? static_cast<std::size_t>(std::atol(given)) : short_run() ? 2'000 : 8'000;
  for (Peer* client : swarm.open_many(clients, "idle")) client->subscribe("idle/" + client->id());
  REQUIRE(swarm.settle());
  const double each = static_cast<double>(broker.rss_bytes() - empty) / static_cast<double>(clients);
  std::printf("idle: empty %.1f MB and %.3f %% of a core; %.0f bytes a client, of %zu\n",
              static_cast<double>(empty) / 1e6, 100 * cpu, each, clients);
  if (!optimised()) return;
  CHECK(empty < 12'000'000);
  CHECK(cpu <= 0.01);  // the kernel counts in hundredths of a second: two of them in five seconds are 0.4 %
  CHECK(each <= 2500);
}

}  // namespace bramble::testing
