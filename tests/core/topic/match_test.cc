#include "core/topic/match.h"

#include <doctest/doctest.h>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "core/topic/topic.h"

namespace bramble {

namespace {

struct Row {
  std::string_view filter;
  std::string_view topic;
  bool match;
};

// Sections 4.7.1 to 4.7.3, their examples first.
constexpr Row kRows[] = {
    {"sport/tennis/player1/#", "sport/tennis/player1", true},
    {"sport/tennis/player1/#", "sport/tennis/player1/ranking", true},
    {"sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon", true},
    {"sport/tennis/player1/#", "sport/tennis/player2", false},
    {"sport/#", "sport", true},
    {"sport/tennis/+", "sport/tennis/player1", true},
    {"sport/tennis/+", "sport/tennis/player1/ranking", false},
    {"sport/+", "sport", false},
    {"sport/+", "sport/", true},
    {"+/+", "/finance", true},
    {"/+", "/finance", true},
    {"+", "/finance", false},
    {"#", "a", true},
    {"#", "/", true},
    {"#", "a/b/c", true},
    {"+", "a", true},
    {"+", "a/", false},
    {"+/", "a/", true},
    {"+/+", "/", true},
    {"a/+/b", "a//b", true},
    {"a/+/b", "a/b", false},
    {"a//b", "a/b", false},
    {"a/#", "a/", true},
    {"a/#", "ab", false},
    {"a/#", "/a", false},
    {"a/b/#", "a", false},
    {"+/#", "a", true},
    {"+/b/#", "a/b", true},
    {"a", "A", false},
    {"a", "a ", false},
    {"a/b", "a/b/", false},
    {"a/b/", "a/b", false},
    {"a/+/c/#", "a/b/c/d/e", true},
    {"a/+/c/#", "a/b/d", false},
    {"/", "/", true},
    {"/", "a", false},
    {"//", "/", false},
    {"#", "$SYS/monitor/Clients", false},
    {"+/monitor/Clients", "$SYS/monitor/Clients", false},
    {"+", "$SYS", false},
    {"#", "$", false},
    {"$SYS/#", "$SYS/monitor/Clients", true},
    {"$SYS/#", "$SYS", true},
    {"$SYS/monitor/+", "$SYS/monitor/Clients", true},
    {"a/#", "a/$SYS", true},
    {"+/$SYS", "a/$SYS", true},
};

/// The standard's rules once more, by recursion over lists of levels.
bool plainly_matches(const std::vector<std::string_view>& filter, const std::vector<std::string_view>& topic,
                     std::size_t f = 0, std::size_t t = 0) {
  if (f == filter.size()) return t == topic.size();
  if (filter[f] == "#") return true;
  if (t == topic.size()) return false;
  return (filter[f] == "+" || filter[f] == topic[t]) && plainly_matches(filter, topic, f + 1, t + 1);
}

std::vector<std::string_view> levels_of(std::string_view text) {
  std::vector<std::string_view> found;
  for (Levels levels(text); !levels.done();) found.push_back(levels.next());
  return found;
}

}  // namespace

TEST_CASE("[MQTT-4.7.1-1] [MQTT-4.7.1-2] [MQTT-4.7.2-1] [MQTT-4.7.3-4] filters match topics as section 4.7 says") {
  for (const Row& row : kRows) {
    CAPTURE(row.filter);
    CAPTURE(row.topic);
    CHECK(matches(row.filter, row.topic) == row.match);
  }
}

TEST_CASE("matches agrees with a plain recursion on random filters and topics") {
  std::mt19937 random(20261122);
  const auto pick = [&random](std::initializer_list<const char*> levels) {
    std::string text;
    const std::size_t count = 1 + random() % 5;
    for (std::size_t i = 0; i < count; ++i) {
      if (i > 0) text += '/';
      text += levels.begin()[random() % levels.size()];
    }
    return text;
  };
  unsigned matched = 0;
  for (int round = 0; round < 100'000; ++round) {
    const std::string topic = pick({"a", "b", "", "aa"});
    std::string filter = pick({"a", "b", "", "+", "+"});
    if (random() % 3 == 0) filter += "/#";
    if (topic.empty() || filter.empty()) continue;
    const bool expected = plainly_matches(levels_of(filter), levels_of(topic));
    matched += expected ? 1 : 0;
    CAPTURE(filter);
    CAPTURE(topic);
    REQUIRE(matches(filter, topic) == expected);
  }
  CHECK(matched > 1000);
}

}  // namespace bramble
