#include <algorithm>
#include <cstdio>
#include <doctest/doctest.h>
#include <string>
#include <vector>

#include "tests/stress/swarm.h"

namespace bramble::testing {
namespace {

constexpr std::size_t kAtOnce = 1'000;
constexpr std::size_t kComers = 20;

/// A topic with very many subscribers, of whom some are connected and the others are sessions that are kept.
class WideTopic {
 public:
  WideTopic() {
    REQUIRE(swarm_.until([&] { return publisher_.connected(); }));
    comers_ = add(kComers, true);
  }

  /// Until there are so many.
  void fill(std::size_t sessions, std::size_t connected) {
    while (connected_ < connected) add(std::min(kAtOnce, connected - connected_), true);
    while (sessions_ < sessions) add(std::min(kAtOnce, sessions - sessions_), false);
  }
  /// Microseconds that one takes who leaves and comes again, the least of several tries.
  double leave_and_come() {
    double least = 1e9;
    for (int again = 0; again < 5; ++again) {
      const auto from = std::chrono::steady_clock::now();
      for (int i = 0; i < 50; ++i) {
        for (Peer* peer : comers_) {
          peer->unsubscribe("wide");
          peer->subscribe("wide", 1);
        }
      }
      for (Peer* peer : comers_) REQUIRE(swarm_.until([&] { return peer->awaited() == 0; }));
      const std::chrono::duration<double, std::micro> time = std::chrono::steady_clock::now() - from;
      least = std::min(least, time.count() / (50 * kComers));
    }
    return least;
  }
  /// One message to all: those who are connected get it, each once; it waits for the others.
  void publish() {
    std::size_t before = 0;
    for (const auto& peer : swarm_.peers()) before += peer->received();
    publisher_.publish("wide", "to all", 1);
    REQUIRE(swarm_.until([&] {
      std::size_t all = 0;
      for (const auto& peer : swarm_.peers()) all += peer->received();
      return publisher_.unacked() == 0 && all == before + connected_;
    }));
  }
  /// One of those who are kept comes back.
  void check_queued(std::size_t session, std::size_t messages) {
    Peer& back = open(session);
    REQUIRE(swarm_.until([&] { return back.connected(); }));
    CHECK(back.session_present());
    CHECK(swarm_.until([&] { return back.received() == messages; }));
  }
  std::size_t sessions() const { return sessions_; }

 private:
  Peer& open(std::size_t session) {
    return swarm_.open(
        {.version = Version::v3_1_1, .client_id = "wide-" + std::to_string(session), .clean_start = false});
  }
  std::vector<Peer*> add(std::size_t count, bool connected) {
    std::vector<Peer*> peers;
    for (std::size_t i = 0; i < count; ++i) peers.push_back(&open(sessions_++));
    REQUIRE(
        swarm_.until([&] { return std::all_of(peers.begin(), peers.end(), [](Peer* p) { return p->connected(); }); }));
    for (Peer* peer : peers) peer->subscribe("wide", 1);
    for (Peer* peer : peers) REQUIRE(swarm_.until([&] { return peer->awaited() == 0; }));
    if (connected) return connected_ += count, peers;
    // the broker closes first, so that its side of the connection keeps the port
    for (Peer* peer : peers) peer->send_raw(encode_disconnect(Version::v3_1_1));
    REQUIRE(swarm_.until([&] { return std::all_of(peers.begin(), peers.end(), [](Peer* p) { return p->closed(); }); }));
    for (Peer* peer : peers) swarm_.forget(*peer);
    return {};
  }

  Broker broker_{"threads 2\nlog_type error"};
  Swarm swarm_{broker_};
  Peer& publisher_ = swarm_.open();
  std::vector<Peer*> comers_;
  std::size_t sessions_ = 0;
  std::size_t connected_ = 0;
};

}  // namespace

TEST_CASE("to subscribe to a topic that has 100,000 subscribers takes as long as with 1000, and all get what is sent") {
  WideTopic topic;
  topic.fill(1'000, 1'000);
  const double few = topic.leave_and_come();
  const std::size_t sessions = short_run() ? 10'000 : 100'000;
  topic.fill(sessions / 10, short_run() ? 2'000 : 9'000);
  const double more = topic.leave_and_come();
  topic.fill(sessions, 0);
  const double many = topic.leave_and_come();
  topic.publish();
  topic.check_queued(sessions - 1, 1);
  std::printf("to leave a topic and come again: with 1000 subscribers %.2f us, %zu %.2f us, %zu %.2f us\n", few,
              sessions / 10, more, sessions, many);
  CHECK(many < 3 * few + 2);
}

}  // namespace bramble::testing
