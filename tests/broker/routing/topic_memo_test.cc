#include "broker/routing/topic_memo.h"

#include <algorithm>
#include <doctest/doctest.h>
#include <string>
#include <vector>

#include "tests/core/topic/table_random.h"
#include "tests/support/random.h"

namespace bramble {
namespace {

constexpr ReactorId kHere{0}, kThere{1};

struct Scene {
  Quiescence quiescence{2};
  SubscriptionTable table{quiescence, 2, 1};
  Matches scratch;
  TopicMemo memo;

  Scene() {
    for (const ReactorId id : {kHere, kThere}) quiescence.online(id);
  }
  ~Scene() {
    for (const ReactorId id : {kHere, kThere}) quiescence.offline(id);
  }
  void end_turn() {
    for (const ReactorId id : {kHere, kThere}) quiescence.quiescent(id);
    quiescence.collect(kHere);
  }
  std::vector<std::string> resolve(std::string_view topic) {
    const auto checked = memo.check(topic);
    REQUIRE(checked.has_value());
    CHECK(checked->name.view() == topic);
    const auto filters = memo.resolve(table, *checked, scratch);
    return texts({filters.begin(), filters.end()});
  }
  std::vector<std::string> match(std::string_view topic) {
    Matches found;
    table.match(topic_of(topic), found);
    return texts({found.begin(), found.end()});
  }
  static std::vector<std::string> texts(const std::vector<Filter*>& filters) {
    std::vector<std::string> found;
    for (const Filter* filter : filters) found.emplace_back(filter->text());
    std::sort(found.begin(), found.end());
    return found;
  }
};

TEST_CASE("a remembered topic is matched again when a filter comes or goes, exact, wildcard or shared") {
  Scene scene;
  CHECK(scene.resolve("a/b").empty());
  Filter& exact = scene.table.add(kThere, filter_of("a/b"));
  CHECK(scene.resolve("a/b") == std::vector<std::string>{"a/b"});
  Filter& wild = scene.table.add(kHere, filter_of("+/b"));
  CHECK(scene.resolve("a/b") == std::vector<std::string>{"+/b", "a/b"});
  scene.table.remove(kThere, exact);
  scene.end_turn();
  CHECK(scene.resolve("a/b") == std::vector<std::string>{"+/b"});
  SharedGroup& group = scene.table.join(kHere, filter_of("$share/g/a/#"), true);
  CHECK(scene.resolve("a/b") == std::vector<std::string>{"+/b", "a/#"});
  scene.table.leave(kHere, group, true);
  scene.table.remove(kHere, wild);
  scene.end_turn();
  CHECK(scene.resolve("a/b").empty());
}

TEST_CASE("the reactors of a remembered filter are read afresh") {
  Scene scene;
  Filter& filter = scene.table.add(kHere, filter_of("a"));
  scene.resolve("a");
  scene.table.add(kThere, filter_of("a"));
  const auto filters = scene.memo.resolve(scene.table, *scene.memo.check("a"), scene.scratch);
  REQUIRE(filters.size() == 1);
  CHECK(filters[0]->reactors() == (reactor_bit(kHere) | reactor_bit(kThere)));
  scene.table.remove(kThere, filter);
  CHECK(filters[0]->reactors() == reactor_bit(kHere));
}

TEST_CASE("topics that are too long or match too much to be remembered are matched each time") {
  Scene scene;
  const std::string topic(300, 'x');
  scene.table.add(kHere, filter_of("#"));
  for (int again = 0; again < 3; ++again) CHECK(scene.resolve(topic) == std::vector<std::string>{"#"});
  for (const char* filter : {"a/b", "a/+", "a/#", "+/b", "+/+"}) scene.table.add(kHere, filter_of(filter));
  for (int again = 0; again < 3; ++again) CHECK(scene.resolve("a/b").size() == 6);
}

TEST_CASE("[MQTT-3.3.2-2] a topic that is not one is refused, and what was remembered stays") {
  Scene scene;
  scene.table.add(kHere, filter_of("a"));
  scene.resolve("a");
  for (const char* topic : {"a/+", "#", "\xC3", ""}) {
    CHECK_FALSE(scene.memo.check(topic).has_value());
  }
  CHECK(scene.resolve("a") == std::vector<std::string>{"a"});
}

TEST_CASE("the memo agrees with the table after any run of changes") {
  Scene scene;
  TopicRandom random(testing::test_seed());
  std::vector<Filter*> mine;
  std::string topic = "a";
  for (int step = 0; step < 5'000; ++step) {
    if (random.one_in(3)) {
      Filter& added = scene.table.add(kHere, filter_of(random.filter()));
      if (std::find(mine.begin(), mine.end(), &added) == mine.end()) mine.push_back(&added);
    }
    if (random.one_in(3) && !mine.empty()) {
      std::swap(mine[random.below(static_cast<std::uint32_t>(mine.size()))], mine.back());
      scene.table.remove(kHere, *mine.back());
      mine.pop_back();
      scene.end_turn();
    }
    if (random.one_in(8)) topic = random.topic();
    REQUIRE(scene.resolve(topic) == scene.match(topic));
  }
}

}  // namespace
}  // namespace bramble
