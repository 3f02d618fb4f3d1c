#include <algorithm>
#include <cstdio>
#include <doctest/doctest.h>
#include <string>
#include <vector>

#include "tests/stress/latency_probe.h"
#include "tests/stress/swarm.h"
#include "tests/support/client.h"

namespace bramble::testing {
namespace {

constexpr std::size_t kPayload = 1000;
constexpr std::size_t kUnsentMax = 1 << 20;

// What default limits allow one client that does not read, and the reactors between it and its publisher:
// max_output_bytes, in a buffer that doubles as it grows; max_queued_messages and max_inflight_messages of them with
// what keeps a message (topic, counts, places in queues); an inbox at its level; and some for the heap's own pages.
constexpr std::uint64_t kOutputBytes = 2u << 20;
constexpr std::uint64_t kQueueBytes = 1020 * (kPayload + 300);
constexpr std::uint64_t kInboxBytes = 16u << 20;
constexpr std::uint64_t kSlack = 6u << 20;

void flood_one_who_does_not_read(unsigned qos) {
  const Broker broker("threads 4\nlog_type error");
  Swarm swarm(broker);
  Peer& reader = swarm.open({}, 4096);
  Peer& publisher = swarm.open({.version = Version::v3_1_1});  // with nothing that limits what is in flight
  REQUIRE(swarm.until([&] { return reader.connected() && publisher.connected(); }));
  reader.subscribe("flood", qos);
  REQUIRE(swarm.settle());
  const double quiet = quiet_p99(broker, Milliseconds(700));
  const std::uint64_t before = broker.rss_bytes();
  std::uint64_t highest = before;
  LatencyProbe probe(broker, "beside");

  reader.read(false);
  const std::string payload(kPayload, 'x');
  std::uint64_t published = 0;
  const auto end = std::chrono::steady_clock::now() + duration_of("BRAMBLE_FLOOD_SECONDS", Seconds(5), Seconds(2));
  while (std::chrono::steady_clock::now() < end) {
    for (; publisher.unsent() < kUnsentMax; ++published) publisher.publish("flood", payload, qos);
    swarm.turn();
    highest = std::max(highest, broker.rss_bytes());
  }
  probe.stop();
  const double p99 = probe.milliseconds(0.99);
  const std::uint64_t grown = highest - before;
  std::printf("a reader that stops, QoS %u: %llu published, RSS grew by %.1f MB; probe p99 %.2f ms, alone %.2f ms\n",
              qos, static_cast<unsigned long long>(published), static_cast<double>(grown) / 1e6, p99, quiet);
  if (!sanitized()) CHECK(grown < kOutputBytes + kQueueBytes + kInboxBytes + kSlack);
  CHECK(p99 < std::max(optimised() ? 5.0 : 100.0, 4 * quiet));
  CHECK(published > 1000);

  // and it is still served when it reads again
  reader.read(true);
  const std::size_t received = reader.received();
  CHECK(swarm.until([&] { return reader.received() > received; }));
  CHECK(reader.connected());
}

}  // namespace

TEST_CASE("a burst above max_output_bytes loses nothing that the subscriber's socket has room for") {
  for (const std::size_t size : {100u, 4096u}) {  // copied, and by reference
    for (const unsigned qos : {0u, 1u}) {
      CAPTURE(size);
      CAPTURE(qos);
      const std::string output = std::to_string(20 * size);
      const Broker broker(
          "threads 1\nlog_type error\nmax_queued_messages 10\nmax_inflight_messages 0\nmax_output_bytes " + output);
      Client subscriber(broker);
      subscriber.subscribe("burst", qos);
      Client publisher(broker);
      const unsigned messages = 60'000 / static_cast<unsigned>(size) + 100;  // one read of the broker's, and some more
      std::string burst;
      for (unsigned id = 1; id <= messages; ++id) {
        burst += encode(Version::v5,
                        Publish{.topic = "burst", .payload = std::string(size, 'x'), .qos = qos, .packet_id = id});
      }
      publisher.send(burst);
      for (unsigned id = 1; id <= messages; ++id) CHECK(subscriber.receive().payload.size() == size);
    }
  }
}

TEST_CASE("one who stops reading while a publisher floods it at QoS 0 costs its bound and nobody else's time") {
  flood_one_who_does_not_read(0);
}

TEST_CASE("one who stops reading while a publisher floods it at QoS 1 costs its bound and nobody else's time") {
  flood_one_who_does_not_read(1);
}

TEST_CASE("large messages that wait for several who do not read are there once") {
  const Broker broker("threads 1\nlog_type error");
  Swarm swarm(broker);
  std::vector<Peer*> readers;
  for (int i = 0; i < 50; ++i) readers.push_back(&swarm.open({}, 4096));
  Peer& publisher = swarm.open();
  REQUIRE(swarm.until([&] { return publisher.connected(); }));
  for (Peer* reader : readers) reader->subscribe("large");
  REQUIRE(swarm.settle());
  for (Peer* reader : readers) reader->read(false);
  const std::uint64_t before = broker.rss_bytes();
  for (int i = 0; i < 200; ++i) {
    publisher.publish("large", std::string(16'000, 'x'), 0);
    publisher.ping();
    REQUIRE(swarm.until([&] { return publisher.awaited() == 0; }));
  }
  const std::uint64_t grown = broker.rss_bytes() - std::min(before, broker.rss_bytes());
  std::printf("large messages for %zu who do not read: RSS grew by %.1f MB\n", readers.size(),
              static_cast<double>(grown) / 1e6);
  if (!sanitized()) CHECK(grown < 8u << 20);
}

}  // namespace bramble::testing
