#include <chrono>
#include <cstdio>
#include <doctest/doctest.h>
#include <string>
#include <thread>

#include "tests/stress/latency_probe.h"
#include "tests/support/client.h"

// memory_limit, with memory that is really full.
namespace bramble::testing {

TEST_CASE("a queue that fills memory_limit stops its publisher, loses nothing, and lets it go on when it was read") {
  if (!optimised()) return;  // a sanitizer's allocator gives nothing back
  constexpr int kMessages = 2'000;
  const Broker broker("max_queued_messages 0\nmax_queued_bytes 0\nmemory_limit 90000000");
  Client(broker, persistent(Version::v3_1_1, "away")).subscribe("t", 1);
  Client publisher(broker, Version::v3_1_1);
  std::thread sending([&] {
    for (int i = 0; i < kMessages; ++i) {
      Publish publish{.topic = "t", .payload = std::string(65'536, 'x'), .qos = 1};
      publish.packet_id = static_cast<std::uint16_t>(i + 1);
      publisher.send(encode(Version::v3_1_1, publish));
    }
  });
  broker.wait_for_log("publishers are not read");
  std::printf("memory_limit 90 MB: %.0f MB when publishers had to wait\n",
              static_cast<double>(broker.rss_bytes()) / 1e6);
  CHECK(broker.rss_bytes() < 140'000'000);  // what came before it was seen
  Client reader(broker, persistent(Version::v3_1_1, "away"));
  for (int i = 0; i < kMessages; ++i) CHECK(reader.take().payload.size() == 65'536);
  sending.join();
  for (int i = 0; i < kMessages; ++i) publisher.await(mqtt::PacketType::puback);
  broker.wait_for_log("all goes on as usual");
}

TEST_CASE("memory_limit: near it each publisher gets a little through") {
  if (!optimised()) return;
  Broker broker;
  Client subscriber(broker), publisher(broker);
  subscriber.subscribe("topic");
  const auto slow = [&] { return broker.log().find("publishers are read slowly") != std::string::npos; };
  for (int i = 0; i < 20 && !slow(); ++i) {  // what it takes changes a little meanwhile
    broker.reconfigure("memory_limit " + std::to_string(broker.rss_bytes() / 95 * 100));
    let_pass(std::chrono::milliseconds(50));
  }
  REQUIRE(slow());
  std::string burst;
  for (int i = 0; i < 30; ++i) burst += encode(publisher.version(), Publish{.topic = "topic", .payload = "x"});
  publisher.send(burst);
  const double time = [&] {
    const auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < 30; ++i) subscriber.receive();
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  }();
  CHECK(time > 0.2);  // one in 10 ms
  CHECK(time < 5);
}

}  // namespace bramble::testing
