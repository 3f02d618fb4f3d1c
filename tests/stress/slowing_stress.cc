#include <cstdio>
#include <doctest/doctest.h>
#include <string>
#include <vector>

#include "tests/stress/swarm.h"

// docs/design.md, Slowing: an inbox over its level slows those who feed it; they are still read, answered and
// served.
namespace bramble::testing {
namespace {

constexpr std::size_t kClients = 8;
constexpr std::size_t kUnsentMax = 128 * 1024;

/// A ring of clients, each of which floods the next: two on different reactors always flood each other's inboxes.
class Ring {
 public:
  Ring(Swarm& swarm, unsigned qos, std::uint32_t each)
      : swarm_(swarm), qos_(qos), each_(each), sent_(kClients), last_(kClients) {
    for (std::size_t i = 0; i < kClients; ++i) {  // 3.1.1, where nothing limits what is in flight to the broker
      clients_.push_back(&swarm.open({.version = Version::v3_1_1}));
      Peer& client = *clients_.back();
      swarm.until([&] { return client.connected(); });
      client.subscribe("to/" + std::to_string(i), qos);
      client.on_message = [this, i](Peer&, const mqtt::Publish& message) {
        const std::uint32_t number = number_at(message.payload, 0);
        faults_ += qos_ == 0 ? number <= last_[i] : number != last_[i] + 1;
        last_[i] = number;
        ++received_;
      };
    }
    swarm.settle();  // all are subscribed: nobody floods who is not heard yet
  }

  /// True: all is sent, acknowledged and answered.
  bool flood() {
    return swarm_.until([&] {
      bool done = true;
      for (std::size_t i = 0; i < kClients; ++i) {
        fill(i);
        done &= sent_[i] == each_ && clients_[i]->unacked() == 0 && clients_[i]->awaited() == 0;
      }
      return done;
    });
  }
  bool all_arrive() {
    return swarm_.until([&] { return received_ == each_ * kClients; });
  }
  std::uint64_t received() const { return received_; }
  std::uint64_t faults() const { return faults_; }

 private:
  void fill(std::size_t i) {
    Peer& client = *clients_[i];
    std::string payload(1000, 'x');
    while (sent_[i] < each_ && client.unsent() < kUnsentMax) {
      payload.replace(0, 4, numbers({++sent_[i]}));
      client.publish("to/" + std::to_string((i + 1) % kClients), payload, qos_);
      if (sent_[i] % 50 == 0) client.ping();
    }
  }

  Swarm& swarm_;
  const unsigned qos_;
  const std::uint32_t each_;
  std::vector<Peer*> clients_;
  std::vector<std::uint32_t> sent_;
  std::vector<std::uint32_t> last_;
  std::uint64_t received_ = 0;
  std::uint64_t faults_ = 0;
};

const char* const kSmallInboxes = "threads 4\nmax_inbox_bytes 65536\nmax_queued_messages 0\nsys_interval 1";

}  // namespace

TEST_CASE("publishers that flood each other's reactors are slowed, not stopped: at QoS 1 all arrives, in order") {
  const Broker broker(kSmallInboxes);
  Swarm swarm(broker);
  SysWatch slowed(swarm, "publish/slowed");
  Ring ring(swarm, 1, short_run() ? 1000 : 3000);
  CHECK(ring.flood());
  CHECK(ring.all_arrive());
  CHECK(ring.faults() == 0);
  CHECK(slowed.until([](double value) { return value > 0; }));
  std::printf("slowing at QoS 1: %.0f times\n", slowed.value());
}

TEST_CASE("publishers that flood each other's reactors are slowed, not stopped: at QoS 0 they are answered, in order") {
  const Broker broker(kSmallInboxes);
  Swarm swarm(broker);
  SysWatch slowed(swarm, "publish/slowed");
  Ring ring(swarm, 0, short_run() ? 1000 : 5000);
  CHECK(ring.flood());
  REQUIRE(swarm.settle());
  CHECK(ring.faults() == 0);
  CHECK(ring.received() > 0);
  CHECK(slowed.until([](double value) { return value > 0; }));
  std::printf("slowing at QoS 0: %.0f times, %llu received\n", slowed.value(),
              static_cast<unsigned long long>(ring.received()));
}

TEST_CASE("a publisher that was slowed for one reactor is fast again when it publishes to another") {
  const Broker broker(kSmallInboxes);
  Swarm swarm(broker);
  const std::vector<Peer*> subscribers = swarm.open_many(8, "subscriber");
  std::uint64_t received = 0;
  for (Peer* subscriber : subscribers) {
    subscriber->subscribe("flood/" + subscriber->id());
    subscriber->on_message = [&](Peer&, const mqtt::Publish&) { ++received; };
  }
  Peer& publisher = swarm.open({.version = Version::v3_1_1});
  REQUIRE(swarm.until([&] { return publisher.connected(); }));
  REQUIRE(swarm.settle());
  const std::string payload(1000, 'x');
  for (int round = 0; round < (short_run() ? 4 : 8); ++round) {
    for (Peer* subscriber : subscribers) {
      for (int i = 0; i < 300; ++i) publisher.publish("flood/" + subscriber->id(), payload, 0);
    }
    REQUIRE(swarm.settle());
  }
  // Now nobody is behind. At the pace of a slowed publisher, 400 KB/s, this would take 10 s.
  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < 4000; ++i) publisher.publish("nobody/listens", payload, 0);
  REQUIRE(swarm.settle());
  CHECK(std::chrono::steady_clock::now() - begin < Seconds(sanitized() ? 8 : 4));
}

}  // namespace bramble::testing
