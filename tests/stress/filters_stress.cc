#include <algorithm>
#include <cstdio>
#include <doctest/doctest.h>
#include <string>
#include <vector>

#include "tests/stress/swarm.h"
#include "tests/support/random.h"

namespace bramble::testing {
namespace {

constexpr std::size_t kFiltersAtOnce = 200;
constexpr std::size_t kUnackedMax = 16;

/// A subscriber that stays, on filters of every kind, and gets each message by each of them.
struct Stayer {
  Peer* peer;
  std::uint64_t received = 0;
};
const std::vector<Filter> kStays = {{"load/keep/x", 1}, {"load/+/x", 1}, {"load/#", 1}, {"+/keep/#", 1}};

std::string random_filter(Random& random) {
  std::string filter = "load";
  for (std::uint64_t levels = random.between(1, 3); levels > 0; --levels) {
    filter += random.one_in(4) ? "/+" : "/" + std::to_string(random.below(500));
  }
  if (random.one_in(6)) filter += "/#";
  if (random.one_in(10)) filter = "$share/g" + std::to_string(random.below(5)) + "/" + filter;
  return filter;
}

}  // namespace

TEST_CASE("filters of all kinds come and go under load: who stays loses nothing, and the memory comes back") {
  const Broker broker("threads 4\nmax_queued_messages 0\nsys_interval 1\nlog_type error");
  Swarm swarm(broker);
  SysWatch subscriptions(swarm, "subscriptions/count");
  Random random(test_seed());
  std::vector<Stayer> stayers;
  for (Peer* peer : swarm.open_many(8, "stayer")) stayers.push_back({peer});
  for (Stayer& stayer : stayers) {
    stayer.peer->on_message = [&stayer](Peer&, const mqtt::Publish&) { ++stayer.received; };
    stayer.peer->subscribe(kStays);
  }
  const std::vector<Peer*> comers = swarm.open_many(8, "comer");
  const std::vector<Peer*> publishers = swarm.open_many(4, "publisher");
  REQUIRE(swarm.settle());

  std::uint64_t published = 0;
  std::uint64_t rss_early = 0;
  const int rounds = short_run() ? 12 : 40;
  for (int round = 0; round < rounds; ++round) {
    std::vector<std::vector<std::string>> mine(comers.size());
    for (std::size_t i = 0; i < comers.size(); ++i) {
      std::vector<Filter> filters;
      for (std::size_t n = 0; n < kFiltersAtOnce; ++n) filters.push_back({random_filter(random), 0});
      comers[i]->subscribe(filters);
      for (const Filter& filter : filters) mine[i].push_back(filter.text);
    }
    for (int i = 0; i < 100; ++i) {
      Peer& publisher = *publishers[random.below(publishers.size())];
      REQUIRE(swarm.until([&] { return publisher.unacked() < kUnackedMax; }));
      publisher.publish("load/keep/x", "payload", 1);
      ++published;
      if (i == 50) {  // half of them go in between, the others with the next SUBSCRIBE's repeats
        for (std::size_t c = 0; c < comers.size(); ++c) {
          for (const std::string& filter : mine[c]) comers[c]->unsubscribe(filter);
        }
      }
    }
    REQUIRE(swarm.settle());
    if (round == rounds / 3) rss_early = broker.rss_bytes();
  }
  const std::uint64_t rss_late = broker.rss_bytes();
  CHECK(swarm.until([&] {
    return std::all_of(stayers.begin(), stayers.end(),
                       [&](const Stayer& it) { return it.received == published * kStays.size(); });
  }));
  // the watch's own, and those that stay
  const double stay = 1 + static_cast<double>(stayers.size() * kStays.size());
  CHECK(subscriptions.until([stay](double value) { return value == stay; }));
  std::printf("filters: RSS %.1f MB after a third, %.1f MB in the end\n", static_cast<double>(rss_early) / 1e6,
              static_cast<double>(rss_late) / 1e6);
  if (!sanitized()) CHECK(rss_late < rss_early + 8'000'000);
}

}  // namespace bramble::testing
