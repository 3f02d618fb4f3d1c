#include "core/topic/retained_messages.h"

#include <doctest/doctest.h>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "core/topic/match.h"
#include "tests/core/topic/table_random.h"

namespace bramble {
namespace {

constexpr ReactorId kHere{0};
constexpr std::size_t kMost = 7;  // messages at a time
constexpr SteadyTime kStart{std::chrono::hours(1)};

MessagePtr message(std::string_view topic, std::string_view payload, std::uint32_t expiry = mqtt::kNoExpiry) {
  mqtt::PublishContent content;
  content.topic = topic;
  content.payload = payload;
  return MessagePtr::make(content, {.retain = true, .expiry_seconds = expiry, .arrived = kStart});
}

struct Fixture {
  Quiescence quiescence{1};
  RetainedMessages retained{quiescence, 42};

  Fixture() { quiescence.online(kHere); }
  void set(std::string_view topic, std::string_view payload, std::uint32_t expiry = mqtt::kNoExpiry) {
    retained.set(kHere, message(topic, payload, expiry));
  }
  std::string payload(std::string_view topic) {
    const MessagePtr found = retained.find(topic);
    return found ? std::string(found->payload()) : "none";
  }
  /// What a new subscription on `filter` is sent: each topic with its payload.
  std::map<std::string, std::string> replay(std::string_view filter, SteadyTime now = kStart) {
    auto replay = retained.begin(filter);
    return finish(replay, now);
  }
  std::map<std::string, std::string> finish(RetainedMessages::Replay& replay, SteadyTime now = kStart) {
    std::map<std::string, std::string> sent;
    std::size_t given = 0;
    for (bool more = true; more;) {
      std::vector<MessagePtr> out;
      more = retained.next(replay, now, kMost, out);
      CHECK(out.size() <= kMost);
      for (const auto& it : out) sent.emplace(it->topic(), it->payload());
      given += out.size();
    }
    CHECK(sent.size() == given);  // each topic once
    return sent;
  }
  void end_turn() {
    quiescence.quiescent(kHere);
    quiescence.collect(kHere);
  }
};

using Sent = std::map<std::string, std::string>;

TEST_CASE("[MQTT-3.3.1-5] a retained PUBLISH replaces the one before it on its topic") {
  Fixture f;
  f.set("lamp", "on");
  f.set("lamp", "off");
  f.set("lamp/2", "dim");
  CHECK(f.payload("lamp") == "off");
  CHECK(f.payload("lamp/2") == "dim");
  CHECK(f.payload("lamp/3") == "none");
  CHECK(f.retained.count() == 2);
}

TEST_CASE("[MQTT-3.3.1-6] [MQTT-3.3.1-7] an empty payload removes the retained message and is not kept itself") {
  Fixture f;
  f.set("lamp", "on");
  f.set("lamp", "");
  CHECK(f.payload("lamp") == "none");
  f.set("never/was", "");
  CHECK(f.retained.count() == 0);
  CHECK(f.retained.nodes() == 0);
}

TEST_CASE("[MQTT-4.7.2-1] a filter that begins with a wildcard gets nothing from topics that begin with '$'") {
  Fixture f;
  f.set("$SYS/uptime", "1");
  f.set("a/uptime", "2");
  f.set("a", "3");
  CHECK(f.replay("#") == Sent{{"a/uptime", "2"}, {"a", "3"}});
  CHECK(f.replay("+/uptime") == Sent{{"a/uptime", "2"}});
  CHECK(f.replay("$SYS/#") == Sent{{"$SYS/uptime", "1"}});
  CHECK(f.replay("a/#") == Sent{{"a/uptime", "2"}, {"a", "3"}});
  CHECK(f.replay("a/uptime") == Sent{{"a/uptime", "2"}});
}

TEST_CASE("[MQTT-3.3.2-5] a message whose expiry has passed is not sent and is swept away") {
  Fixture f;
  f.set("short", "x", 10);
  f.set("long", "y", 100);
  f.set("ever", "z");
  CHECK(f.replay("#", kStart + Seconds(9)).size() == 3);
  CHECK(f.replay("#", kStart + Seconds(10)) == Sent{{"long", "y"}, {"ever", "z"}});
  RetainedMessages::Sweep sweep;
  std::vector<MessagePtr> removed;
  while (!f.retained.expire(kHere, kStart + Seconds(10), sweep, 1, removed)) {
  }
  REQUIRE(removed.size() == 1);
  CHECK(removed[0]->topic() == "short");
  CHECK(f.retained.count() == 2);
}

TEST_CASE("a replay gives the value there is when it is sent, not when it began") {
  Fixture f;
  for (int i = 0; i < 20'000; ++i) f.set("t/" + std::to_string(i), "old");
  for (const char* filter : {"#", "t/+", "t/19999"}) {
    CAPTURE(filter);
    auto replay = f.retained.begin(filter);
    f.set("t/19999", "new");
    const auto sent = f.finish(replay);
    CHECK(sent.at("t/19999") == "new");
    CHECK(sent.size() == (filter == std::string("t/19999") ? 1 : 20'000));
    f.set("t/19999", "old");
  }
}

TEST_CASE("a slot that went to another topic during a replay does not carry it to a filter that does not match") {
  Fixture f;
  f.set("a/1", "x");
  auto replay = f.retained.begin("a/+");
  f.set("a/1", "");
  f.set("b/1", "y");
  CHECK(f.finish(replay).empty());
}

TEST_CASE("a replaced message lives until the turn ends") {
  Fixture f;
  const MessagePtr kept = message("a", "1");
  const std::size_t before = f.retained.bytes();
  f.retained.set(kHere, kept);
  f.set("a", "2");
  f.end_turn();
  CHECK(kept->payload() == "1");
  f.set("a", "");
  f.end_turn();
  CHECK(f.retained.bytes() <= before + 1024 * 8);
}

TEST_CASE("after many topics came and went, nothing is left and numbers begin again") {
  Fixture f;
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 5'000; ++i) f.set("x/" + std::to_string(i) + "/y", "1");
    for (int i = 0; i < 5'000; ++i) f.set("x/" + std::to_string(i) + "/y", "");
    f.end_turn();
  }
  CHECK(f.retained.count() == 0);
  CHECK(f.retained.nodes() == 0);
  CHECK(f.retained.bytes() == (1024 + 2048 + 4096) * 8);  // the numbers' places stay
}

TEST_CASE("retained messages agree with a plain map after any run of changes") {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    TopicRandom random(seed);
    CAPTURE(seed);
    Fixture f;
    Sent model;
    for (int step = 0; step < 3'000; ++step) {
      const std::string topic = random.topic();
      const std::string payload = random.one_in(3) ? "" : std::to_string(step);
      f.set(topic, payload);
      model.erase(topic);
      if (!payload.empty()) model.emplace(topic, payload);
      if (step % 8 != 0) continue;
      f.end_turn();
      const std::string filter = random.filter();
      Sent expected;
      for (const auto& [name, value] : model) {
        if (matches(filter, name)) expected.emplace(name, value);
      }
      REQUIRE(f.replay(filter) == expected);
      REQUIRE(f.retained.count() == model.size());
    }
  }
}

TEST_CASE("who keeps retained messages is told of each slot that has changed, once, with what is there now") {
  Fixture f;
  f.set("before", "not noted");
  f.retained.note_changes();
  f.set("a", "1");
  f.set("a", "2");
  f.set("b", "3");
  f.set("b", "");
  f.set("$SYS/uptime", "5");
  std::vector<RetainedMessages::Change> changes;
  CHECK(f.retained.take_changes(1, changes));
  CHECK(!f.retained.take_changes(10, changes));
  std::map<std::uint32_t, std::string> told;
  for (const auto& change : changes) {
    CHECK(told.emplace(change.slot, change.message ? std::string(change.message->payload()) : "none").second);
  }
  CHECK(told == std::map<std::uint32_t, std::string>{{1, "2"}, {2, "none"}});  // 2: what the broker says is not kept
  changes.clear();
  CHECK(!f.retained.take_changes(10, changes));
  CHECK(changes.empty());
}

TEST_CASE("set() says how many bytes more there are to keep: of a topic that changes often the last value alone") {
  Fixture f;
  const auto more = [&](std::string_view topic, std::size_t size) {
    return f.retained.set(kHere, message(topic, std::string(size, 'x')));
  };
  CHECK(more("a", 1000) == 0);  // nobody keeps them
  f.retained.note_changes();
  CHECK(more("$SYS/uptime", 1000) == 0);
  CHECK(more("never/was", 0) == 0);
  CHECK(more("a", 1000) >= 1000);
  CHECK(more("a", 900) == 0);
  CHECK(more("a", 1000) == 100);
  CHECK(more("a", 0) == 0);
  std::vector<RetainedMessages::Change> changes;
  f.retained.take_changes(10, changes);
  CHECK(more("a", 1000) >= 1000);
  f.retained.take_changes(10, changes);
  CHECK(more("a", 1) >= 1000);  // what was there has to go
  f.retained.take_changes(10, changes);
  CHECK(more("a", 1000) >= 1000);
  f.retained.take_changes(10, changes);
  CHECK(more("a", 0) >= 1000);
  CHECK(more("a", 0) == 0);
}

TEST_CASE("restored retained messages have their slots again, and those between are given to new ones") {
  Fixture f;
  CHECK(f.retained.restore(1, message("a/b", "1")));
  CHECK(f.retained.restore(5000, message("c", "2")));
  CHECK_FALSE(f.retained.restore(4000, message("d", "not rising")));
  CHECK_FALSE(f.retained.restore(6000, message("c", "a topic twice")));
  f.retained.note_changes();
  CHECK(f.retained.count() == 2);
  CHECK(f.replay("#") == std::map<std::string, std::string>{{"a/b", "1"}, {"c", "2"}});
  for (int i = 0; i < 4999; ++i) f.set("new/" + std::to_string(i), "x");  // slots 0 and 2 to 4999
  f.set("last", "x");
  std::vector<RetainedMessages::Change> changes;
  f.retained.take_changes(10'000, changes);
  std::set<std::uint32_t> slots;
  for (const auto& change : changes) CHECK(slots.insert(change.slot).second);
  CHECK(slots.size() == 5000);
  CHECK_FALSE(slots.contains(1));
  CHECK_FALSE(slots.contains(5000));
  CHECK(*slots.rbegin() == 5001);
}

}  // namespace
}  // namespace bramble
