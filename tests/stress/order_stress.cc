#include <cstdio>
#include <doctest/doctest.h>
#include <string>
#include <vector>

#include "tests/stress/swarm.h"
#include "tests/support/random.h"

// docs/design.md, Order: what was acknowledged to one client, or seen by one, before another client publishes is
// delivered before what that one publishes.
namespace bramble::testing {
namespace {

constexpr std::size_t kPublishers = 8;
constexpr std::size_t kSubscribers = 8;
constexpr std::size_t kChains = 16;

/// A run of numbers on one topic, each published by another client once the number before it is acknowledged (or has
/// been seen by the first subscriber). So nobody may ever see a number after a higher one.
struct Chain {
  enum class Goes { when_acknowledged, when_seen } goes;
  std::string topic;
  std::uint32_t number = 0;
  std::size_t publisher = 0;
  std::vector<std::uint32_t> seen = std::vector<std::uint32_t>(kSubscribers);
};

class Chains {
 public:
  Chains(Swarm& swarm, std::uint64_t seed)
      : random_(seed),
        publishers_(swarm.open_many(kPublishers, "publisher")),
        subscribers_(swarm.open_many(kSubscribers, "subscriber")) {
    for (std::size_t c = 0; c < kChains; ++c) {
      chains_.push_back(
          {c % 2 == 0 ? Chain::Goes::when_acknowledged : Chain::Goes::when_seen, "chain/" + std::to_string(c)});
    }
    for (std::size_t s = 0; s < kSubscribers; ++s) {
      subscribers_[s]->on_message = [this, s](Peer&, const mqtt::Publish& message) { seen(s, message); };
      // QoS 0 as well as 1, by exact filters as well as by a wildcard
      if (s % 4 < 2) {
        subscribers_[s]->subscribe("chain/+", s % 2);
      } else {
        for (const Chain& chain : chains_) subscribers_[s]->subscribe(chain.topic, s % 2);
      }
    }
    for (std::size_t p = 0; p < kPublishers; ++p) {
      publishers_[p]->on_acked = [this, p](Peer&) { acknowledged(p); };
    }
  }

  void start() {
    for (Chain& chain : chains_) next(chain);
  }
  void stop() { running_ = false; }
  bool done() const {
    for (const Chain& chain : chains_) {
      for (const std::uint32_t seen : chain.seen) {
        if (seen != chain.number) return false;
      }
    }
    return true;
  }
  std::uint32_t rounds() const { return rounds_; }
  std::uint32_t faults() const { return faults_; }

 private:
  void next(Chain& chain) {
    if (!running_) return;
    // another one: connections are spread in turn, so neighbours are on different reactors
    chain.publisher = (chain.publisher + random_.between(1, kPublishers - 1)) % kPublishers;
    ++rounds_;
    const auto which = static_cast<std::uint32_t>(&chain - chains_.data());
    publishers_[chain.publisher]->publish(chain.topic, numbers({++chain.number, which}),
                                          chain.goes == Chain::Goes::when_acknowledged ? 1 : 0);
    if (chain.goes == Chain::Goes::when_acknowledged) waiting_.push_back({chain.publisher, &chain});
  }
  void acknowledged(std::size_t publisher) {
    for (std::size_t i = 0; i < waiting_.size(); ++i) {
      if (waiting_[i].publisher != publisher) continue;
      Chain& chain = *waiting_[i].chain;
      waiting_.erase(waiting_.begin() + static_cast<std::ptrdiff_t>(i));
      return next(chain);
    }
  }
  void seen(std::size_t subscriber, const mqtt::Publish& message) {
    Chain& chain = chains_[number_at(message.payload, 1)];
    const std::uint32_t number = number_at(message.payload, 0);
    std::uint32_t& last = chain.seen[subscriber];
    if (number != last + 1) ++faults_;
    last = number;
    if (chain.goes == Chain::Goes::when_seen && number == chain.number) next(chain);
  }

  struct Waiting {
    std::size_t publisher;
    Chain* chain;
  };
  Random random_;
  std::vector<Peer*> publishers_;
  std::vector<Peer*> subscribers_;
  std::vector<Chain> chains_;
  std::vector<Waiting> waiting_;
  bool running_ = true;
  std::uint32_t rounds_ = 0;
  std::uint32_t faults_ = 0;
};

/// Keeps the reactors and their inboxes busy: fan-outs that a turn cannot finish, from every reactor to every other.
class Noise {
 public:
  Noise(Swarm& swarm, std::size_t listeners, std::uint64_t seed)
      : random_(seed), publishers_(swarm.open_many(4, "noise")), listeners_(swarm.open_many(listeners, "listener")) {
    for (Peer* listener : listeners_) {
      listener->on_message = [this](Peer&, const mqtt::Publish&) { --outstanding_; };
      listener->subscribe("noise/#");
    }
  }
  void go_on() {
    if (outstanding_ != 0) return;
    for (Peer* publisher : publishers_) {
      const std::size_t burst = random_.between(1, 60);
      for (std::size_t i = 0; i < burst; ++i) publisher->publish("noise/" + publisher->id(), "x", 0);
      outstanding_ += burst * listeners_.size();
    }
  }

 private:
  Random random_;
  std::vector<Peer*> publishers_;
  std::vector<Peer*> listeners_;
  std::size_t outstanding_ = 0;
};

}  // namespace

TEST_CASE("what one client was told is done, or has seen, comes before what another then publishes, everywhere") {
  const Broker broker("threads 4\nmax_queued_messages 0\nmax_output_bytes 16777216");
  Swarm swarm(broker);
  Chains chains(swarm, test_seed());
  Noise noise(swarm, short_run() ? 100 : 400, test_seed());
  REQUIRE(swarm.settle());
  const auto end = std::chrono::steady_clock::now() + duration_of("BRAMBLE_ORDER_SECONDS", Seconds(6), Seconds(3));
  chains.start();
  while (std::chrono::steady_clock::now() < end) {
    noise.go_on();
    swarm.turn();
  }
  chains.stop();
  CHECK(swarm.until([&] { return chains.done(); }));
  CHECK(chains.faults() == 0);
  std::printf("order: %u rounds\n", chains.rounds());
}

TEST_CASE("without other traffic too, off that follows the acknowledgement of on is never overtaken by it") {
  const Broker broker("threads 4\nmax_queued_messages 0");
  Swarm swarm(broker);
  Chains chains(swarm, test_seed());
  REQUIRE(swarm.settle());
  chains.start();
  swarm.pass(duration_of("BRAMBLE_ORDER_SECONDS", Seconds(4), Seconds(2)));
  chains.stop();
  CHECK(swarm.until([&] { return chains.done(); }));
  CHECK(chains.faults() == 0);
  CHECK(chains.rounds() > 1000u);
  std::printf("order, alone: %u rounds\n", chains.rounds());
}

}  // namespace bramble::testing
