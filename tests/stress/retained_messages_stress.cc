#include <atomic>
#include <doctest/doctest.h>
#include <string>
#include <thread>
#include <vector>

#include "core/topic/match.h"
#include "core/topic/retained_messages.h"
#include "tests/core/topic/table_random.h"

namespace bramble {
namespace {

constexpr SteadyTime kNow{std::chrono::hours(1)};
constexpr int kRounds = 10'000;

struct Shared {
  Quiescence quiescence{4};
  RetainedMessages retained{quiescence, 42};
  std::atomic<int> faults{0};

  void expect(bool holds) {
    if (!holds) faults.fetch_add(1);
  }
};

MessagePtr message(std::string_view topic, std::string_view payload, std::uint32_t expiry) {
  mqtt::PublishContent content;
  content.topic = topic;
  content.payload = payload;
  return MessagePtr::make(content, {.expiry_seconds = expiry, .arrived = kNow});
}

// Each writer counts up on a topic of its own, "kept/<writer>", and sets and removes others.
void write(Shared& shared, ReactorId here) {
  TopicRandom random(here.value + 1u);
  RetainedMessages::Sweep sweep;
  const std::string kept = "kept/" + std::to_string(here.value);
  for (int round = 0; round < kRounds; ++round) {
    shared.quiescence.online(here);
    shared.retained.set(here, message(kept, std::to_string(round), mqtt::kNoExpiry));
    shared.expect(shared.retained.find(kept)->payload() == std::to_string(round));
    const std::string payload = random.one_in(2) ? "" : "x";
    shared.retained.set(here, message(random.topic(), payload, random.one_in(2) ? 1 : mqtt::kNoExpiry));
    if (random.one_in(16)) {
      std::vector<MessagePtr> removed;
      shared.retained.expire(here, kNow + Seconds(2), sweep, 100, removed);
      for (const auto& it : removed) shared.expect(it->payload() == "x");
    }
    shared.quiescence.offline(here);
    shared.quiescence.collect(here);
  }
}

// What a replay gives must match, and never be older than what was seen of that topic before.
void read(Shared& shared, ReactorId here) {
  TopicRandom random(here.value + 1u);
  int newest[2] = {0, 0};
  for (int round = 0; round < kRounds / 4; ++round) {
    shared.quiescence.online(here);
    const std::string filter = random.one_in(3) ? "kept/+" : random.one_in(2) ? "#" : random.filter();
    auto replay = shared.retained.begin(filter);
    for (bool more = true; more;) {
      std::vector<MessagePtr> out;
      more = shared.retained.next(replay, kNow, 5, out);
      shared.quiescence.quiescent(here);
      for (const auto& it : out) {
        shared.expect(matches(filter, it->topic()) && !it->payload().empty());
        if (!it->topic().starts_with("kept/")) continue;
        const int value = std::stoi(std::string(it->payload()));
        int& seen = newest[it->topic().back() - '0'];
        shared.expect(value >= seen);
        seen = value;
      }
    }
    shared.quiescence.offline(here);
  }
}

TEST_CASE("while retained messages change, a replay gives whole messages that match, and no older one after a newer") {
  Shared shared;
  std::vector<std::thread> threads;
  for (std::uint16_t id = 0; id < 2; ++id) threads.emplace_back(write, std::ref(shared), ReactorId{id});
  for (std::uint16_t id = 2; id < 4; ++id) threads.emplace_back(read, std::ref(shared), ReactorId{id});
  for (auto& thread : threads) thread.join();
  CHECK(shared.faults == 0);
  for (std::uint16_t id = 0; id < 4; ++id) CHECK_FALSE(shared.quiescence.collect(ReactorId{id}));
}

}  // namespace
}  // namespace bramble
