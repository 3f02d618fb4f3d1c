#include <algorithm>
#include <cstdio>
#include <doctest/doctest.h>
#include <string>
#include <vector>

#include "tests/stress/latency_probe.h"
#include "tests/stress/swarm.h"
#include "tests/support/random.h"

// Clients that mean harm, or are broken. Whatever they do, the broker lives, its memory stays within bounds, and two
// others go on talking.
namespace bramble::testing {
namespace {

constexpr std::uint64_t kGrowthMax = 24u << 20;  // five clients' outputs, in buffers that double, and some more

/// A broker, and a well-behaved pair on it that must get on all the time.
class Scene {
 public:
  Scene() {
    REQUIRE(swarm.until([&] { return from_.connected() && to_.connected(); }));
    to_.on_message = [this](Peer&, const mqtt::Publish& message) { got_ = number_at(message.payload, 0); };
    to_.subscribe("pair", 1);
    REQUIRE(swarm.settle());
    before_ = broker.rss_bytes();
  }

  /// For so long: `harm` is done again and again, and the pair talks.
  template <class Harm>
  void play(Milliseconds time, Harm harm) {
    const auto end = std::chrono::steady_clock::now() + time;
    while (std::chrono::steady_clock::now() < end) {
      harm();
      if (got_ == sent_) from_.publish("pair", numbers({++sent_}), 1);
      swarm.turn(1);
      highest_ = std::max(highest_, broker.rss_bytes());
    }
  }
  void check_unharmed() {
    const std::uint32_t rounds = sent_;
    for (int again = 0; again < 10; ++again) {
      from_.publish("pair", numbers({++sent_}), 1);
      REQUIRE(swarm.until([&] { return got_ == sent_; }));
    }
    std::printf("  the pair had %u rounds; RSS grew by %.1f MB\n", rounds,
                static_cast<double>(highest_ - std::min(before_, highest_)) / 1e6);
    CHECK(rounds > 5);
    if (!sanitized()) CHECK(highest_ < before_ + kGrowthMax);
  }
  Peer& open(Version version = Version::v5, int receive_buffer = 0) {
    Peer& peer = swarm.open({.version = version}, receive_buffer);
    REQUIRE(swarm.until([&] { return peer.connected(); }));
    return peer;
  }

  const Broker broker{"threads 4\nsys_interval 1\nlog_type error"};
  Swarm swarm{broker};

 private:
  Peer& from_ = swarm.open();
  Peer& to_ = swarm.open();
  std::uint32_t sent_ = 0;
  std::uint32_t got_ = 0;
  std::uint64_t before_ = 0;
  std::uint64_t highest_ = 0;
};

Milliseconds a_while() { return short_run() ? Milliseconds(700) : Milliseconds(1500); }

}  // namespace

TEST_CASE("clients that ask at full speed and never read the answers are read no more, and cost a bound") {
  Scene scene;
  const std::string requests[] = {
      "C0 00"_hex,                      // PINGREQ
      "82 07 0001 00 0001 'a' 00"_hex,  // SUBSCRIBE
      "32 08 0003 'a/b' 0001 00"_hex,   // PUBLISH at QoS 1
      "62 02 0009"_hex,                 // PUBREL nobody waits for
      "50 02 0009"_hex,                 // PUBREC for what was never sent
  };
  for (const std::string& request : requests) {
    Peer& client = scene.open(Version::v5, 4096);
    client.read(false);
    std::string many;
    while (many.size() < 60'000) many += request;
    const auto ask = [&] {
      if (client.unsent() < 200'000) client.send_raw(many);
    };
    scene.play(a_while(), ask);
    // until the broker does not take any more
    std::size_t before = 0;
    for (int again = 0; again < 100 && (client.unsent() < 200'000 || client.unsent() != before); ++again) {
      before = client.unsent();
      scene.play(Milliseconds(200), ask);
    }
    CHECK(client.unsent() >= 200'000);
    CHECK(client.unsent() == before);
  }
  scene.check_unharmed();
}

TEST_CASE("half packets, one byte at a time, from many clients at once are put together") {
  Scene scene;
  std::vector<Peer*> clients;
  for (int i = 0; i < 50; ++i) clients.push_back(&scene.open());
  const std::string publish = encode(Version::v5, {.topic = "drip", .payload = std::string(60, 'x'), .qos = 0});
  Peer& listener = scene.open();
  listener.subscribe("drip");
  REQUIRE(scene.swarm.settle());
  for (const char byte : publish + publish) {
    for (Peer* client : clients) client->send_raw({&byte, 1});
    scene.swarm.turn(0);
  }
  CHECK(scene.swarm.until([&] { return listener.received() == 2 * clients.size(); }));
  for (Peer* client : clients) client->send_raw("30 7F 00"_hex);  // and there it stops
  scene.play(Milliseconds(300), [] {});
  for (Peer* client : clients) client->close();
  scene.check_unharmed();
}

TEST_CASE("2000 connections that send nothing, and as many that are closed at once, cost little") {
  Scene scene;
  const std::size_t descriptors = open_descriptors(scene.broker.pid());
  std::vector<RawClient> sockets;
  for (int i = 0; i < 2000; ++i) {
    sockets.emplace_back(scene.broker.port());
    if (i % 50 == 0) scene.play(Milliseconds(1), [] {});
  }
  scene.play(Milliseconds(300), [] {});
  for (int i = 0; i < 2000; ++i) RawClient(scene.broker.port()).close();
  scene.play(Milliseconds(100), [] {});
  sockets.clear();
  CHECK(scene.swarm.until([&] { return open_descriptors(scene.broker.pid()) <= descriptors; }));
  scene.check_unharmed();
}

TEST_CASE("huge Remaining Lengths and random bytes end their own connection alone") {
  Scene scene;
  Random random(test_seed());
  scene.play(a_while(), [&] {
    RawClient early(scene.broker.port());
    early.send(random.one_in(2) ? random.bytes(random.between(1, 300)) : "10 FF FF FF 7F"_hex);
    early.close();
    Peer& late = scene.open(random.one_in(2) ? Version::v5 : Version::v3_1_1);
    late.send_raw(random.one_in(4) ? "30 FF FF FF 7F 0001 'a'"_hex : random.bytes(random.between(1, 300)));
    scene.swarm.turn(0);
    if (random.one_in(2)) scene.swarm.forget(late);
  });
  scene.check_unharmed();
}

TEST_CASE("thousands of subscriptions of a client that leaves at once are taken off in slices, and are gone") {
  Scene scene;
  SysWatch subscriptions(scene.swarm, "subscriptions/count");
  REQUIRE(subscriptions.until([](double value) { return value == 2; }));
  const std::size_t each = short_run() ? 3'000 : 10'000;
  for (int round = 0; round < 4; ++round) {
    Peer& client = scene.open();
    std::vector<Filter> filters;
    for (std::size_t i = 0; i < each; ++i) {
      filters.push_back({"many/" + std::to_string(round % 2) + "/" + std::to_string(i) + (i % 3 == 0 ? "/+" : ""), 1});
    }
    client.subscribe(filters);
    REQUIRE(scene.swarm.until([&] { return client.awaited() == 0; }));
    client.disconnect();
    scene.play(Milliseconds(200), [] {});
  }
  CHECK(subscriptions.until([](double value) { return value == 2; }));
  scene.check_unharmed();
}

TEST_CASE("a client that never acknowledges gets what may be in flight, and is the only one to lose") {
  for (const unsigned qos : {1u, 2u}) {
    CAPTURE(qos);
    Scene scene;
    Peer& mute = scene.open();
    mute.acknowledges = false;
    mute.subscribe("flow", qos);
    Peer& publisher = scene.open(Version::v3_1_1);
    REQUIRE(scene.swarm.settle());
    const std::string payload(1000, 'x');
    scene.play(a_while(), [&] {
      while (publisher.unacked() < 500) publisher.publish("flow", payload, qos);
    });
    CHECK(mute.received() == 20);  // max_inflight_messages
    CHECK(mute.connected());
    scene.check_unharmed();
  }
}

TEST_CASE("a flood of acknowledgements for what was never sent changes nothing") {
  Scene scene;
  for (const Version version : kSince311) {
    Peer& client = scene.open(version);
    client.subscribe("flow", 1);
    std::string acks;
    for (unsigned id = 1; id < 2000; ++id) {
      acks += encode_ack(PacketType::puback, id) + encode_ack(PacketType::pubcomp, id);
    }
    Peer& publisher = scene.open();
    REQUIRE(scene.swarm.settle());
    scene.play(a_while(), [&] {
      if (client.unsent() == 0) client.send_raw(acks);
      if (publisher.unacked() < 10) publisher.publish("flow", "x", 1);
    });
    CHECK(client.received() > 0);
    CHECK(publisher.connected());
  }
  scene.check_unharmed();
}

namespace {

/// For a while, `harm(attacker)` is done by four clients whenever their packets before are dealt with. Nobody else
/// waits long, on a broker of one reactor.
template <class Harm>
void beside(Swarm& swarm, const Broker& broker, const char* what, double milliseconds_max, Harm harm) {
  std::vector<Peer*> attackers = swarm.open_many(4, "attacker");
  REQUIRE(swarm.settle());
  LatencyProbe probe(broker, "beside");
  int done = 0;
  const auto end = std::chrono::steady_clock::now() + a_while();
  while (std::chrono::steady_clock::now() < end) {
    for (Peer* attacker : attackers) {
      if (attacker->awaited() != 0 || attacker->unsent() != 0) continue;
      harm(*attacker);
      ++done;
    }
    swarm.turn();
  }
  probe.stop();
  std::printf("  %s, %d times: a pair beside it waits %.1f ms (p50 at any time), %.1f at most\n", what, done,
              probe.milliseconds_at_any_time(0.5), probe.milliseconds(1));
  CHECK(done >= 4);
  CHECK(probe.milliseconds_at_any_time(0.5) < (optimised() ? milliseconds_max : 1000));
}

}  // namespace

TEST_CASE("SUBSCRIBE packets of tens of thousands of filters do not hold up others") {
  const Broker broker("threads 1\nlog_type error\nmax_packet_size 0");
  Swarm swarm(broker);
  const std::vector<Filter> filters(short_run() ? 20'000 : 150'000, Filter{"a", 0});
  beside(swarm, broker, "SUBSCRIBE to many filters", 15, [&](Peer& attacker) { attacker.subscribe(filters); });
}

TEST_CASE("what comes while a long UNSUBSCRIBE is dealt with is answered, though nobody else does anything") {
  const Broker broker("threads 1\nsys_interval 0\nlog_type error");
  Swarm swarm(broker);
  const Peer& stays = swarm.open();  // whoever is served has a broker that has opened all it needs
  REQUIRE(swarm.until([&] { return stays.connected(); }));
  const std::size_t idle = open_descriptors(broker.pid());
  std::vector<std::string> filters;
  for (int again = 0; again < 40; ++again) {  // a slice more now and then: the last may come early or late in its turn
    for (int i = 0; i < 130; ++i) filters.push_back("long/" + std::to_string(filters.size()));
    Peer& client = swarm.open();
    REQUIRE(swarm.until([&] { return client.connected(); }));
    client.unsubscribe(filters);
    swarm.turn(0);
    client.ping();  // in a write of its own
    CHECK(swarm.until([&] { return client.awaited() == 0; }, Seconds(10)));
    client.unsubscribe(filters);
    swarm.turn(0);
    client.close();
    CHECK(swarm.until([&] { return open_descriptors(broker.pid()) <= idle; }, Seconds(10)));
    swarm.forget(client);
  }
}

TEST_CASE("subscriptions that look through all retained topics for nothing do not hold up others") {
  const Broker broker("threads 1\nlog_type error");
  Swarm swarm(broker);
  Peer& publisher = swarm.open();
  for (int i = 0; i < 9'000; ++i) publisher.publish("t" + std::to_string(i), "kept", 0, true);
  REQUIRE(swarm.settle());
  std::vector<Filter> filters;
  for (int i = 0; i < (short_run() ? 500 : 5'000); ++i) filters.push_back({"+/nothing" + std::to_string(i), 0});
  beside(swarm, broker, "SUBSCRIBE to what nobody retained", 50, [&](Peer& attacker) { attacker.subscribe(filters); });
}

TEST_CASE("topics that are matched with a hundred thousand overlapping filters do not hold up others") {
  const Broker broker("threads 1\nlog_type error");
  Swarm swarm(broker);
  const unsigned levels = short_run() ? 12 : 16;
  Peer& subscriber = swarm.open();
  for (unsigned first = 0; first < 1u << levels; first += 1024) {
    std::vector<Filter> filters;
    for (unsigned bits = first; bits < first + 1024; ++bits) {
      std::string filter;
      for (unsigned level = 0; level < levels; ++level) filter += bits >> level & 1 ? "+/" : "/";
      filters.push_back({filter + "end", 0});
    }
    subscriber.subscribe(filters);
  }
  REQUIRE(swarm.settle());
  const std::string topic(levels, '/');
  std::string burst;
  for (int i = 0; i < 500; ++i) {
    for (const char* const end : {"c", "d"})
      burst += encode(Version::v5, Publish{.topic = topic + end, .payload = "x"});
  }
  beside(swarm, broker, "1000 PUBLISH that match nothing", 100, [&](Peer& attacker) {
    attacker.send_raw(burst);
    attacker.ping();
  });
}

}  // namespace bramble::testing
