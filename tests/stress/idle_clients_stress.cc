#include <cstdio>
#include <cstdlib>
#include <doctest/doctest.h>
#include <string>
#include <thread>
#include <vector>

#include "tests/stress/swarm.h"
#include "tests/support/packets.h"
#include "tests/support/raw_client.h"

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

TEST_CASE("[MQTT-3.1.2-22] clients who pinged while the broker stood still for longer than their Keep Alive stay") {
  unsigned threads = 0;
  SUBCASE("on one reactor") { threads = 1; }
  SUBCASE("on two") { threads = 2; }
  CAPTURE(threads);
  const Broker broker("threads " + std::to_string(threads));
  std::vector<RawClient> clients;
  for (int i = 0; i < 400; ++i) {
    clients.emplace_back(broker.port()).send(encode(Connect{.keep_alive = 1}));
    clients.back().await(PacketType::connack);
    if (i % 2 == 0) clients.back().ping();  // the others have only just connected
  }
  {
    const Stopped stopped(broker);
    for (RawClient& client : clients) client.send("C0 00"_hex);
    std::this_thread::sleep_for(Milliseconds(2500));
  }
  for (RawClient& client : clients) client.await(PacketType::pingresp);
  for (RawClient& client : clients) client.ping();
}

}  // namespace bramble::testing
