#include "core/topic/subscription_table.h"

#include <algorithm>
#include <doctest/doctest.h>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "core/topic/match.h"
#include "tests/core/topic/table_random.h"

namespace bramble {
namespace {

constexpr ReactorId kFirst{0};
constexpr ReactorId kSecond{1};

/// A table that two reactors, both online, may use.
struct Fixture {
  Quiescence quiescence{2};
  SubscriptionTable table{quiescence, 2, 42};
  Matches matches;

  Fixture() {
    quiescence.online(kFirst);
    quiescence.online(kSecond);
  }
  Filter& add(ReactorId here, std::string_view filter) { return table.add(here, filter_of(filter)); }
  void remove(ReactorId here, std::string_view filter) { table.remove(here, *table.find(filter_of(filter))); }
  SharedGroup& join(ReactorId here, std::string_view filter, bool online = true) {
    return table.join(here, filter_of(filter), online);
  }
  SubscriptionTable::Versions versions(std::string_view topic) { return table.versions(topic_of(topic)); }
  std::multiset<std::string> match(std::string_view topic) {
    table.match(topic_of(topic), matches);
    std::multiset<std::string> texts;
    for (const Filter* filter : matches) texts.emplace(filter->text());
    return texts;
  }
  void end_turns() {
    for (const auto here : {kFirst, kSecond}) quiescence.quiescent(here);
    for (const auto here : {kFirst, kSecond}) quiescence.collect(here);
  }
};

using Texts = std::multiset<std::string>;

TEST_CASE("[MQTT-4.7.1-1] '#' matches any number of levels, the parent's too") {
  Fixture f;
  f.add(kFirst, "sport/tennis/player1/#");
  f.add(kFirst, "sport/#");
  f.add(kFirst, "#");
  CHECK(f.match("sport/tennis/player1") == Texts{"sport/tennis/player1/#", "sport/#", "#"});
  CHECK(f.match("sport/tennis/player1/score/wimbledon") == Texts{"sport/tennis/player1/#", "sport/#", "#"});
  CHECK(f.match("sport") == Texts{"sport/#", "#"});
  CHECK(f.match("sports") == Texts{"#"});
}

TEST_CASE("[MQTT-4.7.1-2] '+' matches one level, also an empty one, at any place") {
  Fixture f;
  for (const char* filter : {"+", "/+", "+/+", "sport/+/player1", "sport/+", "+/tennis/#"}) f.add(kFirst, filter);
  CHECK(f.match("finance") == Texts{"+"});
  CHECK(f.match("/finance") == Texts{"/+", "+/+"});
  CHECK(f.match("sport") == Texts{"+"});
  CHECK(f.match("sport/") == Texts{"sport/+", "+/+"});
  CHECK(f.match("sport/tennis/player1") == Texts{"sport/+/player1", "+/tennis/#"});
}

TEST_CASE("[MQTT-4.7.2-1] a filter that begins with a wildcard does not match a topic that begins with '$'") {
  Fixture f;
  for (const char* filter : {"#", "+/monitor/Clients", "$SYS/#", "$SYS/monitor/+", "$SYS/monitor/Clients"}) {
    f.add(kFirst, filter);
  }
  CHECK(f.match("$SYS/monitor/Clients") == Texts{"$SYS/#", "$SYS/monitor/+", "$SYS/monitor/Clients"});
  CHECK(f.match("$SYS") == Texts{"$SYS/#"});
  CHECK(f.match("a/monitor/Clients") == Texts{"#", "+/monitor/Clients"});
}

TEST_CASE("a filter shows the reactors that added it, and lives until the last removes it") {
  Fixture f;
  Filter& filter = f.add(kFirst, "a/+");
  CHECK(&f.add(kFirst, "a/+") == &filter);
  CHECK(&f.add(kSecond, "a/+") == &filter);
  CHECK(filter.reactors() == 0b11);
  f.remove(kFirst, "a/+");
  CHECK(filter.reactors() == 0b10);
  CHECK(f.match("a/b") == Texts{"a/+"});
  f.remove(kSecond, "a/+");
  CHECK(f.match("a/b").empty());
  CHECK(f.table.filters() == 0);
}

TEST_CASE("ids are never given twice") {
  Fixture f;
  std::set<FilterId> ids;
  for (int round = 0; round < 100; ++round) {
    for (const char* text : {"a/b", "a/+", "a/#"}) {
      CHECK(ids.insert(f.add(kFirst, text).id()).second);
      CHECK(ids.insert(f.join(kFirst, "$share/g/" + std::string(text)).id()).second);
      f.table.leave(kFirst, *f.table.find(filter_of(text))->groups().front(), true);
      f.remove(kFirst, text);
    }
    f.end_turns();
  }
}

TEST_CASE("the durable bit goes with the reactor's last interest in the filter") {
  Fixture f;
  Filter& filter = f.add(kFirst, "a");
  f.add(kSecond, "a");
  f.table.set_durable(kFirst, filter, true);
  CHECK(filter.durable() == 0b01);
  SharedGroup& group = f.join(kFirst, "$share/g/a");
  f.remove(kFirst, "a");
  CHECK(filter.durable() == 0b01);
  f.table.leave(kFirst, group, true);
  CHECK(filter.durable() == 0);
}

TEST_CASE("[MQTT-4.8.2-4] a shared subscription shows where its members are and does not set the plain bit") {
  Fixture f;
  SharedGroup& group = f.join(kFirst, "$share/g/a/+");
  CHECK(&f.join(kSecond, "$share/g/a/+", false) == &group);
  f.join(kSecond, "$share/h/a/+");
  CHECK(f.match("a/b") == Texts{"a/+"});
  const Filter& filter = *f.matches[0];
  CHECK(filter.reactors() == 0);
  REQUIRE(filter.groups().size() == 2);
  CHECK(filter.groups()[0]->name() == "g");
  CHECK(group.id() != filter.id());
  CHECK(group.online(kFirst) == 1);
  CHECK(group.absent(kSecond) == 1);
  f.table.count(kSecond, group, 1, -1);
  CHECK(group.online(kSecond) == 1);
  CHECK(group.absent(kSecond) == 0);
  f.table.leave(kFirst, group, true);
  CHECK(filter.groups().size() == 2);
  f.table.leave(kSecond, group, true);
  CHECK(filter.groups().size() == 1);
  f.table.leave(kSecond, *filter.groups()[0], true);
  CHECK(f.table.filters() == 0);
}

TEST_CASE("a remembered match stays current until a filter or group that could change it comes or goes") {
  Fixture f;
  f.add(kFirst, "a/b/c");
  const auto seen = f.versions("a/b/c");
  f.add(kSecond, "a/b/c");  // a new reactor on a known filter: bits are read afresh
  CHECK(f.table.current(seen));
  f.remove(kFirst, "a/b/c");
  CHECK(f.table.current(seen));
  SUBCASE("an exact filter") { f.remove(kSecond, "a/b/c"); }
  SUBCASE("a wildcard below the first two levels") { f.add(kFirst, "a/b/#"); }
  SUBCASE("a wildcard in the first two levels") { f.add(kFirst, "+/b/c"); }
  SUBCASE("'#' alone") { f.add(kFirst, "#"); }
  SUBCASE("a group") { f.join(kFirst, "$share/g/a/b/c"); }
  CHECK_FALSE(f.table.current(seen));
}

TEST_CASE("the deepest topics and filters there may be are matched, and leave nothing behind") {
  Fixture f;
  const std::string topic(kTopicSlashesMax, '/');
  std::string deep = "+";
  for (int i = 0; i < kTopicSlashesMax - 1; ++i) deep += "/+";
  f.add(kFirst, deep);
  f.add(kFirst, deep + "/#");
  f.add(kFirst, deep + "/+");
  f.add(kFirst, "#");
  CHECK(f.match(topic).size() == 3);
  f.remove(kFirst, deep);
  f.remove(kFirst, deep + "/+");
  f.remove(kFirst, deep + "/#");
  CHECK(f.table.nodes() == 0);
}

TEST_CASE("filters that branch at every level are visited once a node, not once a path") {
  Fixture f;
  for (unsigned bits = 0; bits < 1u << 12; ++bits) {
    std::string filter;
    for (unsigned level = 0; level < 12; ++level) filter += bits >> level & 1 ? "+/" : "a/";
    f.add(kFirst, filter + "end");
  }
  CHECK(f.match("a/a/a/a/a/a/a/a/a/a/a/a/end").size() == 1u << 12);
  CHECK(f.match("a/a/a/a/a/a/a/a/a/a/a/a/nothing").empty());
}

TEST_CASE("filters that part at their last level are told apart, whichever comes first and whichever goes first") {
  const std::vector<std::string> filters{"a/+/b/c", "a/+/b/c/#", "a/+/b/+", "a/+/b", "a/+/#", "a/+/b/c/", "a/+/b/#"};
  for (std::size_t first = 0; first < filters.size(); ++first) {
    Fixture f;
    for (std::size_t i = 0; i < filters.size(); ++i) f.add(kFirst, filters[(first + i) % filters.size()]);
    f.end_turns();
    CHECK(f.match("a/x/b/c") == Texts{"a/+/b/c", "a/+/b/c/#", "a/+/b/+", "a/+/#", "a/+/b/#"});
    CHECK(f.match("a/x/b/cc") == Texts{"a/+/b/+", "a/+/#", "a/+/b/#"});
    CHECK(f.match("a/x/b/c/") == Texts{"a/+/b/c/#", "a/+/b/c/", "a/+/#", "a/+/b/#"});
    CHECK(f.match("a/x/b") == Texts{"a/+/b", "a/+/#", "a/+/b/#"});
    CHECK(f.match("a/x") == Texts{"a/+/#"});
    for (std::size_t i = 0; i < filters.size(); ++i) {
      const std::string& filter = filters[(first + i * 3) % filters.size()];
      REQUIRE(f.table.find(filter_of(filter)));
      f.remove(kFirst, filter);
      REQUIRE_FALSE(f.table.find(filter_of(filter)));
      f.end_turns();
    }
    CHECK(f.table.nodes() == 0);
  }
}

TEST_CASE("a filter among many takes little more than its text, with wildcards too") {
  Fixture f;
  const std::size_t before = f.table.bytes();
  std::size_t text = 0;
  for (std::size_t i = 0; i < 10'000; ++i) {
    const std::string n = std::to_string(i);
    for (const std::string& filter : {"w/" + n + "/temp", "w/" + n + "/+", "w/+/" + n + "/#", "w/+/" + n + "/x/+"}) {
      f.add(kFirst, filter);
      text += filter.size();
    }
    f.end_turns();
  }
  const std::size_t each = (f.table.bytes() - before - text) / f.table.filters();
  CAPTURE(each);
  CHECK(each <= 43 + 16 + 48 / 2 + 16);  // itself, its leaf, half a node, its place in a table
}

TEST_CASE("after many came and went, nothing is left") {
  Fixture f;
  const std::size_t bytes = f.table.bytes();
  std::vector<std::string> filters;
  for (int i = 0; i < 20'000; ++i) {
    const std::string n = std::to_string(i);
    for (const std::string& text : {"x/" + n, "x/" + n + "/+", "+/" + n + "/y/#", n + "/+/z"}) filters.push_back(text);
  }
  for (const auto& filter : filters) f.add(kFirst, filter);
  CHECK(f.table.filters() == filters.size());
  for (const auto& filter : filters) f.remove(kFirst, filter);
  f.end_turns();
  CHECK(f.table.filters() == 0);
  CHECK(f.table.nodes() == 0);
  CHECK(f.table.bytes() == bytes);
}

/// The table as a list: what section 4.7 says, and nothing clever.
struct PlainList {
  struct Entry {
    std::uint64_t reactors = 0;
    std::map<std::string, int> groups;
  };
  std::map<std::string, Entry> filters;

  Texts match(std::string_view topic) const {
    Texts texts;
    for (const auto& [filter, entry] : filters) {
      if (matches(filter, topic)) texts.insert(filter);
    }
    return texts;
  }
};

/// One random change to both.
void change(TopicRandom& random, Fixture& f, PlainList& list) {
  const ReactorId here = random.one_in(2) ? kFirst : kSecond;
  const std::string filter = random.filter();
  const std::string group = random.one_in(2) ? "g" : "h";
  const auto known = list.filters.find(filter);
  if (random.one_in(4)) {
    f.join(here, "$share/" + group + "/" + filter);
    ++list.filters[filter].groups[std::to_string(here.value) + group];
  } else if (random.one_in(2)) {
    f.add(here, filter);
    list.filters[filter].reactors |= reactor_bit(here);
  } else if (known != list.filters.end()) {
    PlainList::Entry& entry = known->second;
    const auto members = entry.groups.find(std::to_string(here.value) + group);
    if (entry.reactors & reactor_bit(here)) {
      f.remove(here, filter);
      entry.reactors &= ~reactor_bit(here);
    } else if (members != entry.groups.end()) {
      const auto groups = f.table.find(filter_of(filter))->groups();
      const auto it = std::find_if(groups.begin(), groups.end(), [&](auto* one) { return one->name() == group; });
      f.table.leave(here, **it, true);
      if (--members->second == 0) entry.groups.erase(members);
    }
    if (entry.reactors == 0 && entry.groups.empty()) list.filters.erase(known);
  }
}

TEST_CASE("the subscription table agrees with a plain list after any run of changes") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    TopicRandom random(seed);
    CAPTURE(seed);
    Fixture f;
    PlainList list;
    for (int step = 0; step < 2'000; ++step) {
      change(random, f, list);
      if (step % 16 == 0) f.end_turns();
      const std::string topic = random.topic();
      REQUIRE(f.match(topic) == list.match(topic));
      for (const Filter* filter : f.matches) {
        REQUIRE(filter->reactors() == list.filters.at(std::string(filter->text())).reactors);
      }
    }
    CHECK(f.table.filters() == list.filters.size());
  }
}

TEST_CASE("a current match is still the match") {
  TopicRandom random(7);
  Fixture f;
  PlainList list;
  for (int round = 0; round < 2'000; ++round) {
    const std::string topic = random.topic();
    const auto seen = f.versions(topic);
    const Texts before = f.match(topic);
    change(random, f, list);
    if (f.table.current(seen)) REQUIRE(f.match(topic) == before);
  }
}

}  // namespace
}  // namespace bramble
