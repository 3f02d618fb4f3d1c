#include <algorithm>
#include <doctest/doctest.h>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "tests/bench/play.h"
#include "tests/bench/relay.h"
#include "tools/bench/shared_group.h"

using namespace bramble::bench;
using bramble::testing::play;
using bramble::testing::Relay;

namespace {

using Texts = std::vector<std::string>;

/// The relay gives one member the messages with even numbers, the other those with odd ones.
Options one_to_two(const Relay& relay) {
  Options options;
  options.port = relay.port();
  options.publishers = 1;
  options.subscribers = 2;
  options.count = 1'000;
  options.client_id = "test";
  options.quiet = true;
  return options;
}

}  // namespace

TEST_CASE("shared through an honest relay has no fault, at QoS 0 and 1 and on two threads") {
  const Relay relay([](std::uint64_t, std::string_view packet, std::string& to_member) { to_member += packet; });
  Options options = one_to_two(relay);
  for (const auto qos : {bramble::mqtt::Qos::at_most_once, bramble::mqtt::Qos::at_least_once}) {
    options.qos = qos;
    for (const unsigned threads : {1u, 2u}) {
      options.threads = threads;
      const Report report = play(run_shared, options);
      CHECK(report.faults() == Texts{});
      CHECK(report.notes() == Texts{});
    }
  }
}

TEST_CASE("shared through a relay that drops, doubles and swaps reports exactly that") {
  std::string held_back;
  const Relay relay([&held_back](std::uint64_t sequence, std::string_view packet, std::string& to_member) {
    if (sequence >= 100 && sequence < 105) return;  // five dropped
    if (sequence == 300) {                          // this one behind the next of its member
      held_back = packet;
      return;
    }
    to_member += packet;
    if (sequence == 200 || sequence == 201) to_member += packet;  // two doubled
    if (sequence == 302) to_member += held_back;
  });
  const Report report = play(run_shared, one_to_two(relay));
  CHECK(report.faults() == Texts{"5 messages lost", "2 messages delivered more than once", "1 messages out of order"});
}

TEST_CASE("shared: a message that two members get was delivered more than once") {
  std::string copy;
  const Relay relay([&copy](std::uint64_t sequence, std::string_view packet, std::string& to_member) {
    if (sequence == 401) to_member += copy;  // before its own, as either of them may be seen first
    to_member += packet;
    if (sequence == 400) copy = packet;
  });
  CHECK(play(run_shared, one_to_two(relay)).faults() == Texts{"1 messages delivered more than once"});
}

TEST_CASE("shared: members do not wait for each other, so a late message of another's is in order") {
  std::string held_back;
  const Relay relay([&held_back](std::uint64_t sequence, std::string_view packet, std::string& to_member) {
    if (sequence == 300) {  // behind 301, which is the other member's, and before 302
      held_back = packet;
      return;
    }
    if (sequence == 302) to_member += held_back;
    to_member += packet;
  });
  CHECK(play(run_shared, one_to_two(relay)).faults() == Texts{});
}

TEST_CASE("behind a relay that drops, doubles or swaps one message in 1,000 pairs and shared report exactly those") {
  std::string held_back;
  const Relay relay([&held_back](std::uint64_t sequence, std::string_view packet, std::string& to_subscriber) {
    const auto at = sequence % 1'000;
    if (at == 100) return;
    if (at == 500) {  // behind the one after the next, which is the next of a group of two
      held_back = packet;
      return;
    }
    to_subscriber += packet;
    if (at == 300) to_subscriber += packet;
    if (at == 502) to_subscriber += held_back;
  });
  const Texts expected{"20 messages lost", "20 messages delivered more than once", "20 messages out of order"};
  Options options = one_to_two(relay);
  options.count = 20'000;
  for (const auto qos : {bramble::mqtt::Qos::at_most_once, bramble::mqtt::Qos::at_least_once}) {
    options.qos = qos;
    options.subscribers = 2;
    CHECK(play(run_shared, options).faults() == expected);
    options.subscribers = 1;
    CHECK(play(run_pairs, options).faults() == expected);
  }
}

TEST_CASE("a group's tally counts what no member saw as lost and what came again as double") {
  SharedGroup group(2);
  CHECK(group.arrived(0, 1));
  CHECK(group.arrived(0, 0));
  CHECK_FALSE(group.arrived(0, 1));
  CHECK(group.arrived(1, 0));
  CHECK(group.tally({3, 1}) == Tally{.received = 4, .lost = 1, .duplicates = 1});
}

TEST_CASE("a group agrees with a plain set after any run of messages, late ones and doubles among them") {
  std::mt19937_64 random(7);
  SharedGroup group(1);
  std::set<std::uint64_t> seen;
  std::uint64_t highest = 0, arrivals = 0;
  const auto arrives = [&](std::uint64_t sequence) {
    ++arrivals;
    highest = std::max(highest, sequence);
    CHECK(group.arrived(0, sequence) == seen.insert(sequence).second);
  };
  for (int i = 0; i < 20'000; ++i) {
    arrives(highest + random() % 200);
    arrives(highest - std::min(highest, random() % (SharedGroup::kLateMax - 200)));
  }
  arrives(highest + 3 * SharedGroup::kLateMax);  // so far ahead that the whole ring is new
  arrives(highest - SharedGroup::kLateMax + 200);
  CHECK(group.tally({}) ==
        Tally{.received = arrivals, .lost = highest + 1 - seen.size(), .duplicates = arrivals - seen.size()});
  CHECK(group.tally({highest + 11}).lost == highest + 11 - seen.size());
}
