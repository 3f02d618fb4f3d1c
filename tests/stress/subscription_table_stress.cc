#include <algorithm>
#include <atomic>
#include <doctest/doctest.h>
#include <string>
#include <thread>
#include <vector>

#include "core/topic/match.h"
#include "core/topic/subscription_table.h"
#include "tests/core/topic/table_random.h"

// Races on purpose: run it under tsan and asan, where a filter that is freed too early or read half made shows.
namespace bramble {
namespace {

constexpr unsigned kReaders = 2;
constexpr unsigned kWriters = 2;
constexpr ReactorId kKeeper{kReaders + kWriters};  // keeps some filters all the time
constexpr int kRounds = 20'000;

const std::vector<std::string> kKept = {"a", "a/b", "a/+", "a/#", "+/b", "#", "a/b/cc/#"};

struct Shared {
  Quiescence quiescence{kReaders + kWriters + 1};
  SubscriptionTable table{quiescence, kReaders + kWriters + 1, 42};
  std::atomic<int> faults{0};

  void expect(bool holds) {
    if (!holds) faults.fetch_add(1);
  }
  void end_turn(ReactorId here, TopicRandom& random) {
    quiescence.quiescent(here);
    if (random.one_in(8)) {
      quiescence.offline(here);
      std::this_thread::yield();
      quiescence.online(here);
    }
    quiescence.collect(here);
  }
};

std::size_t kept_that_match(std::string_view topic) {
  return static_cast<std::size_t>(
      std::count_if(kKept.begin(), kKept.end(), [topic](const auto& filter) { return matches(filter, topic); }));
}

void read(Shared& shared, ReactorId here) {
  TopicRandom random(here.value + 1u);
  Matches found;
  std::string topic = "a";
  SubscriptionTable::Versions seen;
  bool remembered = false;
  shared.quiescence.online(here);
  for (int round = 0; round < kRounds; ++round) {
    const bool again = remembered && shared.table.current(seen);  // then `found` may be followed without matching
    if (!again) {
      topic = random.topic();
      seen = shared.table.versions(topic_of(topic));
      shared.table.match(topic_of(topic), found);
    }
    std::size_t kept = 0;
    for (const Filter* filter : found) {
      shared.expect(matches(filter->text(), topic));
      if (filter->reactors() & reactor_bit(kKeeper)) ++kept;
      for (const SharedGroup* group : filter->groups()) shared.expect(group->name() == "g");
    }
    shared.expect(kept == kept_that_match(topic));
    remembered = !random.one_in(4);
    if (random.one_in(4)) shared.end_turn(here, random);
  }
  shared.quiescence.offline(here);
}

void write(Shared& shared, ReactorId here) {
  TopicRandom random(here.value + 1u);
  Matches found;
  std::vector<Filter*> mine;
  std::vector<SharedGroup*> joined;
  shared.quiescence.online(here);
  for (int round = 0; round < kRounds; ++round) {
    const std::string filter = random.filter();
    if (random.one_in(4)) {
      joined.push_back(&shared.table.join(here, filter_of("$share/g/" + filter), true));
      shared.expect(joined.back()->online(here) >= 1);
    } else {
      Filter& added = shared.table.add(here, filter_of(filter));
      if (std::find(mine.begin(), mine.end(), &added) == mine.end()) mine.push_back(&added);
      shared.expect(added.text() == filter && (added.reactors() & reactor_bit(here)) != 0);
      // Mine until I remove it, whatever the others do to it: so it must be found.
      shared.expect(shared.table.find(filter_of(filter)) == &added);
    }
    if (mine.size() > 8) {
      std::swap(mine[random.below(8)], mine.back());
      shared.table.remove(here, *mine.back());
      mine.pop_back();
    }
    if (joined.size() > 8) {
      std::swap(joined[random.below(8)], joined.back());
      shared.table.leave(here, *joined.back(), true);
      joined.pop_back();
    }
    if (random.one_in(4)) shared.end_turn(here, random);
  }
  for (Filter* filter : mine) shared.table.remove(here, *filter);
  for (SharedGroup* group : joined) shared.table.leave(here, *group, true);
  shared.quiescence.offline(here);
}

TEST_CASE("while others come and go, a filter that stays is always found and one that is freed is never read") {
  Shared shared;
  shared.quiescence.online(kKeeper);
  for (const auto& filter : kKept) shared.table.add(kKeeper, filter_of(filter));
  shared.quiescence.offline(kKeeper);
  std::vector<std::thread> threads;
  for (std::uint16_t id = 0; id < kReaders; ++id) threads.emplace_back(read, std::ref(shared), ReactorId{id});
  for (std::uint16_t id = kReaders; id < kReaders + kWriters; ++id) {
    threads.emplace_back(write, std::ref(shared), ReactorId{id});
  }
  for (auto& thread : threads) thread.join();
  CHECK(shared.faults == 0);
  CHECK(shared.table.filters() == kKept.size());
  for (std::uint16_t id = 0; id < kKeeper.value; ++id) CHECK_FALSE(shared.quiescence.collect(ReactorId{id}));
  for (const auto& filter : kKept) shared.table.remove(kKeeper, *shared.table.find(filter_of(filter)));
  CHECK(shared.table.nodes() == 0);
}

TEST_CASE("a reactor that adds a filter while another takes it out does not lose its subscription") {
  constexpr int kTimes = 50'000;
  Shared shared;
  std::vector<std::thread> threads;
  for (std::uint16_t id = 0; id < 3; ++id) {
    threads.emplace_back([&shared, here = ReactorId{id}] {
      TopicRandom random(here.value + 1u);
      shared.quiescence.online(here);
      for (int time = 0; time < kTimes; ++time) {
        const TopicFilter wanted = filter_of(time % 2 == 0 ? "a/b" : "a/+");
        Filter& added = shared.table.add(here, wanted);
        shared.expect(shared.table.find(wanted) == &added);
        shared.expect((added.reactors() & reactor_bit(here)) != 0);
        shared.table.remove(here, added);
        if (random.one_in(8)) shared.end_turn(here, random);
      }
      shared.quiescence.offline(here);
    });
  }
  for (auto& thread : threads) thread.join();
  CHECK(shared.faults == 0);
  CHECK(shared.table.filters() == 0);
}

}  // namespace
}  // namespace bramble
