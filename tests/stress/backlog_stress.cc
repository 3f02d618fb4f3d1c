#include <cstdio>
#include <doctest/doctest.h>
#include <string>
#include <vector>

#include "tests/stress/swarm.h"

// A reactor's backlog that grows while it is worked off: a message with more deliveries than a turn has, and behind it
// messages of a $share group whose members have no room, so that each is looked for a member again.
namespace bramble::testing {
namespace {

constexpr std::size_t kLevels = 14;
constexpr std::size_t kFilters = std::size_t{1} << kLevels;
constexpr std::size_t kFiltersAtOnce = 1500;

/// Levels a/b/c..., with a '+' for each bit of `wildcards`.
std::string levels(std::size_t wildcards) {
  std::string text;
  for (std::size_t level = 0; level < kLevels; ++level) {
    if (level != 0) text += '/';
    text += (wildcards >> level & 1) != 0 ? '+' : static_cast<char>('a' + level);
  }
  return text;
}

void subscribe_to_all(Peer& peer) {
  std::vector<Filter> filters;
  for (std::size_t i = 0; i < kFilters; ++i) {
    filters.push_back({levels(i), 0});
    if (filters.size() == kFiltersAtOnce || i + 1 == kFilters) peer.subscribe(std::exchange(filters, {}));
  }
}

}  // namespace

TEST_CASE("a fan-out longer than a turn, with shared messages behind it that find no room, reaches its client once") {
  const Broker broker(
      "threads 2\nmax_queued_messages 3\nmax_inflight_messages 2\nmax_output_bytes 268435456\nlog_type error");
  Swarm swarm(broker);
  Peer& heavy = swarm.open({.client_id = "heavy"});
  REQUIRE(swarm.until([&] { return heavy.connected(); }));
  subscribe_to_all(heavy);
  std::vector<Peer*> members;
  for (int i = 0; i < 4; ++i) {
    members.push_back(&swarm.open({.properties = property(Prop::receive_maximum, 1)}));
    REQUIRE(swarm.until([&] { return members.back()->connected(); }));
    members.back()->acknowledges = false;
    members.back()->subscribe("$share/group/shared", 1);
  }
  const std::vector<Peer*> publishers = swarm.open_many(2, "publisher");  // one of them on another reactor than heavy
  REQUIRE(swarm.settle());

  std::size_t published = 0;
  const std::string topic = levels(0);
  const auto round = [&](Peer& publisher, int behind) {
    for (int i = 0; i < 4; ++i) publisher.publish(topic, "x", 0);
    publisher.publish("shared", "y", 1);
    publisher.publish(topic, "x", 0);
    published += 5;
    for (int i = 0; i < behind; ++i) {  // each acknowledged before the next, so each is a hand-off of its own
      if (!swarm.until([&] { return publisher.unacked() == 0; })) return false;
      publisher.publish("shared", "y", 1);
    }
    return swarm.until([&] { return publisher.unacked() == 0 && heavy.received() >= published * kFilters; }) &&
           swarm.settle();
  };
  const int rounds = short_run() ? 15 : 40;
  for (const int waiting : {4, 8, 16, 32}) {  // as many as fill the backlog's places before they are doubled
    for (int i = 0; i < rounds; ++i) {
      for (Peer* publisher : publishers) REQUIRE(round(*publisher, waiting - 1));
    }
  }
  CHECK(heavy.received() == published * kFilters);
  for (const Peer* member : members) CHECK(member->received() == 1);
  std::printf("backlog: %zu messages by %zu filters\n", published, kFilters);
}

}  // namespace bramble::testing
