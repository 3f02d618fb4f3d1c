#include <algorithm>
#include <cstdio>
#include <doctest/doctest.h>
#include <string>
#include <vector>

#include "tests/stress/latency_probe.h"
#include "tests/stress/swarm.h"
#include "tests/support/random.h"

namespace bramble::testing {
namespace {

constexpr std::size_t kPublishers = 4;
constexpr std::size_t kUnackedMax = 3;  // in all fewer than what may be in flight to a subscriber, so that it keeps up

std::size_t topics() { return short_run() ? 1000 : 5000; }

/// Retained topics that count up, each by one publisher, while subscribers come, replay them all and go.
class Replays {
 public:
  Replays(Swarm& swarm, std::uint64_t seed)
      : swarm_(swarm), random_(seed), publishers_(swarm.open_many(kPublishers, "publisher")), newest_(topics()) {
    for (Peer* publisher : publishers_) publisher->on_acked = [this](Peer&) { --waiting_; };
    for (std::size_t topic = 0; topic < newest_.size(); ++topic) {
      swarm_.until([&] { return publisher_of(topic).unacked() < kUnackedMax; });
      raise(topic);
    }
    swarm_.until([&] { return waiting_ == 0; });
  }

  /// Publishes on, and keeps so many replays under way.
  void turn(std::size_t subscribers) {
    for (Peer* publisher : publishers_) {
      while (publisher->unacked() < kUnackedMax) raise_one_of(*publisher);
    }
    while (subscribers_.size() < subscribers) begin();
    swarm_.turn();
    for (const auto& subscriber : subscribers_) {
      if (subscriber->replayed == newest_.size()) swarm_.forget(*subscriber->peer);
    }
    completed_ += std::erase_if(subscribers_, [&](const auto& it) { return it->replayed == newest_.size(); });
  }
  /// No more changes: waits until the replays under way are at their end.
  bool finish() {
    return swarm_.until([&] {
      return waiting_ == 0 && std::all_of(subscribers_.begin(), subscribers_.end(), [&](const auto& it) {
               return it->replayed == newest_.size() && it->newest == newest_;
             });
    });
  }

  std::size_t completed() const { return completed_; }
  std::size_t older_replayed() const { return older_replayed_; }
  std::size_t older_live() const { return older_live_; }

 private:
  struct Subscriber {
    Peer* peer;
    std::size_t replayed = 0;
    std::vector<std::uint32_t> newest;  ///< by topic: the last that was seen, live or replayed
  };

  Peer& publisher_of(std::size_t topic) { return *publishers_[topic % kPublishers]; }
  void raise(std::size_t topic) {
    ++waiting_;
    publisher_of(topic).publish("kept/" + std::to_string(topic % 10) + "/" + std::to_string(topic),
                                numbers({static_cast<std::uint32_t>(topic), ++newest_[topic]}), 1, true);
  }
  void raise_one_of(const Peer& publisher) {
    // some change so often that several values are on their way at once
    std::size_t topic = random_.below(random_.one_in(2) ? 16 : newest_.size());
    while (&publisher_of(topic) != &publisher) topic = (topic + 1) % newest_.size();
    raise(topic);
  }
  void begin() {
    Peer& peer = swarm_.open({.version = random_.one_in(2) ? Version::v5 : Version::v3_1_1});
    subscribers_.push_back(std::make_unique<Subscriber>(Subscriber{&peer, 0, {}}));
    Subscriber& subscriber = *subscribers_.back();
    subscriber.newest.resize(newest_.size());
    peer.on_message = [this, &subscriber](Peer&, const mqtt::Publish& message) { seen(subscriber, message); };
    peer.subscribe("kept/#", static_cast<unsigned>(random_.below(2)));
  }
  void seen(Subscriber& subscriber, const mqtt::Publish& message) {
    std::uint32_t& newest = subscriber.newest[number_at(message.payload, 0)];
    const std::uint32_t value = number_at(message.payload, 1);
    if (message.retain) ++subscriber.replayed;
    if (value < newest) ++(message.retain ? older_replayed_ : older_live_);
    newest = value;
  }

  Swarm& swarm_;
  Random random_;
  std::vector<Peer*> publishers_;
  std::vector<std::uint32_t> newest_;
  std::vector<std::unique_ptr<Subscriber>> subscribers_;
  std::size_t waiting_ = 0;
  std::size_t completed_ = 0;
  std::size_t older_replayed_ = 0;
  std::size_t older_live_ = 0;
};

}  // namespace

TEST_CASE(
    "[MQTT-3.3.1-6] a replay never gives a value older than what its subscriber has seen, and the newest stays last") {
  const Broker broker("threads 4\nmax_queued_messages 0\nmax_output_bytes 67108864");
  Swarm swarm(broker);
  Replays replays(swarm, test_seed());
  const auto end = std::chrono::steady_clock::now() + duration_of("BRAMBLE_REPLAY_SECONDS", Seconds(4), Seconds(3));
  while (std::chrono::steady_clock::now() < end) replays.turn(4);
  CHECK(replays.finish());
  CHECK(replays.completed() > 0);
  CHECK(replays.older_replayed() == 0);
  // A replay gives what is retained when it gets there; what led to that value may still be on its way between
  // reactors, and comes then, up to the same value again.
  std::printf("replays: %zu completed, %zu live values after a newer replayed one\n", replays.completed(),
              replays.older_live());
}

TEST_CASE("who subscribes while a retained message is on its way to many gets it: retained or live") {
  const Broker broker("threads 2\nlog_type error\nmax_queued_messages 0");
  Swarm swarm(broker);
  for (Peer* peer : swarm.open_many(short_run() ? 500 : 4'000, "audience")) peer->subscribe("news/today");
  Peer& publisher = swarm.open();
  const std::vector<Peer*> comers = swarm.open_many(8, "comer");
  std::vector<std::uint32_t> last(comers.size());
  for (std::size_t i = 0; i < comers.size(); ++i) {
    comers[i]->on_message = [&last, i](Peer&, const mqtt::Publish& message) {
      last[i] = number_at(message.payload, 0);
    };
  }
  REQUIRE(swarm.settle());
  for (std::uint32_t round = 1; round <= (short_run() ? 20u : 100u); ++round) {
    publisher.publish("news/today", numbers({round}), 1, true);
    // the deliveries here take a millisecond, and are between what the PUBLISH matched and its PUBACK
    for (std::size_t i = 0; i < comers.size(); ++i) {
      if (i % 2 == round % 2) swarm.turn();
      comers[i]->subscribe("news/+/#");
    }
    // a PINGRESP waits neither for a replay nor for what comes from the other reactor
    REQUIRE(
        swarm.until([&] { return std::all_of(last.begin(), last.end(), [&](auto value) { return value == round; }); }));
    for (Peer* comer : comers) comer->unsubscribe("news/+/#");
    REQUIRE(swarm.settle());
  }
}

TEST_CASE("many replays of long messages at once do not keep others from being read") {
  const Broker broker("threads 1\nlog_type error\nmax_queued_messages 0");
  Swarm swarm(broker);
  const std::size_t kept = short_run() ? 300 : 3'000;
  Peer& publisher = swarm.open({.version = Version::v3_1_1});
  REQUIRE(swarm.until([&] { return publisher.connected(); }));
  const std::string payload(4'000, 'x');
  for (std::size_t topic = 0; topic < kept; ++topic) {
    REQUIRE(swarm.until([&] { return publisher.unacked() < 100; }));
    publisher.publish("long/" + std::to_string(topic), payload, 1, true);
  }
  REQUIRE(swarm.until([&] { return publisher.unacked() == 0; }));
  const std::vector<Peer*> readers = swarm.open_many(60, "reader");
  LatencyProbe probe(broker, "not a reader");
  swarm.pass(Milliseconds(100));
  const auto begin = std::chrono::steady_clock::now();
  for (Peer* reader : readers) reader->subscribe("long/#");
  REQUIRE(swarm.until([&] {
    return std::all_of(readers.begin(), readers.end(), [&](Peer* peer) { return peer->received() == kept; });
  }));
  const std::chrono::duration<double, std::milli> time = std::chrono::steady_clock::now() - begin;
  probe.stop();
  std::printf("%zu replays at once took %.0f ms, and nobody else waited more than %.0f ms\n", readers.size(),
              time.count(), probe.milliseconds(1));
  CHECK(probe.milliseconds(1) < 50 + time.count() / 2);
}

}  // namespace bramble::testing
