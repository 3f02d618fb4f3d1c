#include <array>
#include <cstdio>
#include <doctest/doctest.h>
#include <string>
#include <vector>

#include "tests/stress/swarm.h"
#include "tests/support/random.h"

namespace bramble::testing {
namespace {

constexpr std::size_t kClients = 200;
constexpr std::array<std::size_t, 4> kOffsets = {1, 7, 50, 101};  // whom a client listens to: the ones so far behind it
constexpr unsigned kDeliveriesOutstanding = 64;
constexpr unsigned kMessagesOutstanding = kDeliveriesOutstanding / kOffsets.size();

/// What one publisher has sent on its topic of one QoS, and how far each of its subscribers has got.
struct Stream {
  std::uint32_t sent = 0;
  std::array<std::uint32_t, kOffsets.size()> seen{};
};

/// Everyone publishes to everyone: each client has a topic for each QoS and four subscribers on them, on any reactor.
class Traffic {
 public:
  Traffic(Swarm& swarm, std::uint64_t seed) : random_(seed), clients_(swarm.open_many(kClients, "traffic")) {
    for (std::size_t i = 0; i < clients_.size(); ++i) {
      clients_[i]->on_message = [this, i](Peer&, const mqtt::Publish& message) { received(i, message); };
      // one filter with a wildcard and the others without, so that both halves of the table are walked
      for (const std::size_t offset : kOffsets) {
        const std::string from = "to/" + std::to_string((i + kClients - offset) % kClients) + "/";
        if (offset == 1) {
          clients_[i]->subscribe(from + "+", 2);
        } else {
          clients_[i]->subscribe({{from + "0", 2}, {from + "1", 2}, {from + "2", 2}});
        }
      }
    }
  }

  void go_on(bool publishing) {
    publishing_ = publishing;
    for (std::size_t i = 0; publishing && i < clients_.size(); ++i) fill(i);
  }
  bool all_delivered() const {
    for (std::size_t i = 0; i < kClients; ++i) {
      if (outstanding_[i] != 0 || clients_[i]->unacked() != 0) return false;
    }
    return true;
  }
  std::uint64_t delivered() const { return delivered_; }
  /// Lost, doubled or out of order: the number that came was not the next one.
  std::uint64_t faults() const { return faults_; }

 private:
  void fill(std::size_t publisher) {
    Peer& client = *clients_[publisher];
    // what is not acknowledged counts too: MQTT 5 allows only so much of it
    while (outstanding_[publisher] + kOffsets.size() <= kDeliveriesOutstanding &&
           client.unacked() < kMessagesOutstanding) {
      const auto qos = static_cast<unsigned>(random_.below(3));
      const std::uint32_t number = ++streams_[publisher][qos].sent;
      outstanding_[publisher] += kOffsets.size();
      client.publish("to/" + std::to_string(publisher) + "/" + std::to_string(qos),
                     numbers({static_cast<std::uint32_t>(publisher), qos, number}), qos);
    }
  }

  void received(std::size_t subscriber, const mqtt::Publish& message) {
    const std::size_t publisher = number_at(message.payload, 0);
    const std::uint32_t qos = number_at(message.payload, 1);
    const std::size_t distance = (subscriber + kClients - publisher) % kClients;
    std::size_t which = 0;
    while (kOffsets[which] != distance) ++which;
    std::uint32_t& seen = streams_[publisher][qos].seen[which];
    if (number_at(message.payload, 2) != seen + 1 || message.qos != static_cast<mqtt::Qos>(qos)) ++faults_;
    seen = number_at(message.payload, 2);
    ++delivered_;
    --outstanding_[publisher];
    if (publishing_) fill(publisher);
  }

  Random random_;
  std::vector<Peer*> clients_;
  std::array<std::array<Stream, 3>, kClients> streams_{};
  std::array<std::size_t, kClients> outstanding_{};
  std::uint64_t delivered_ = 0;
  std::uint64_t faults_ = 0;
  bool publishing_ = false;
};

}  // namespace

TEST_CASE("200 clients on all reactors publish to each other at every QoS: nothing lost, doubled or out of order") {
  const Broker broker("threads 4\nmax_queued_messages 0");
  Swarm swarm(broker);
  Traffic traffic(swarm, test_seed());
  REQUIRE(swarm.settle());
  const Milliseconds time = duration_of("BRAMBLE_TRAFFIC_SECONDS", Seconds(5), Seconds(2));
  traffic.go_on(true);
  swarm.pass(time);
  traffic.go_on(false);
  CHECK(swarm.until([&] { return traffic.all_delivered(); }));
  CHECK(traffic.faults() == 0);
  CHECK(traffic.delivered() > 0);
  std::printf("traffic: %llu deliveries in %lld ms\n", static_cast<unsigned long long>(traffic.delivered()),
              static_cast<long long>(time.count()));
}

}  // namespace bramble::testing
