#include "core/topic/overlap.h"

#include <algorithm>
#include <doctest/doctest.h>
#include <string>
#include <vector>

#include "core/topic/match.h"

namespace bramble {
namespace {

TEST_CASE("covers: every topic of one filter is one of the other") {
  CHECK(covers("#", "a/b"));
  CHECK(covers("a/#", "a"));
  CHECK(covers("a/#", "a/+/c"));
  CHECK(covers("a/+", "a/b"));
  CHECK(covers("+/+", "+/+"));
  CHECK_FALSE(covers("a/+", "a/#"));
  CHECK_FALSE(covers("a/+/#", "a/#"));
  CHECK_FALSE(covers("a/b", "a/+"));
  CHECK_FALSE(covers("a", "a/b"));
}

TEST_CASE("overlap: there is a topic of both") {
  CHECK(overlap("a/+", "+/b"));
  CHECK(overlap("a/#", "a"));
  CHECK(overlap("a/#", "+/b/c"));
  CHECK_FALSE(overlap("a/b", "a"));
  CHECK_FALSE(overlap("a/+", "b/#"));
  CHECK_FALSE(overlap("a/b/#", "a"));
}

TEST_CASE("[MQTT-4.7.2-1] a leading wildcard neither covers nor overlaps what begins with '$'") {
  CHECK_FALSE(covers("#", "$SYS/#"));
  CHECK_FALSE(overlap("#", "$SYS/#"));
  CHECK_FALSE(overlap("$SYS/a", "+/a"));
  CHECK(covers("$SYS/#", "$SYS/a"));
}

/// Every text of one to three levels out of `levels`.
std::vector<std::string> texts(const std::vector<std::string>& levels) {
  std::vector<std::string> all = levels;
  for (std::size_t i = 0, end = levels.size(); end < 100; end = all.size()) {
    for (; i < end; ++i) {
      for (const auto& level : levels) all.push_back(all[i] + "/" + level);
    }
  }
  return all;
}

TEST_CASE("covers and overlap agree with all topics and filters of up to three levels") {
  const auto topics = texts({"a", "b", "", "$x", "other"});
  auto filters = texts({"a", "", "+", "#", "$x"});
  std::erase_if(filters, [](const std::string& filter) { return filter.find("#/") != std::string::npos; });
  for (const auto& one : filters) {
    for (const auto& other : filters) {
      CAPTURE(one);
      CAPTURE(other);
      bool both = false;
      bool all = true;
      for (const auto& topic : topics) {
        const bool inside = matches(other, topic);
        both = both || (inside && matches(one, topic));
        all = all && (!inside || matches(one, topic));
      }
      REQUIRE(overlap(one, other) == both);
      if (covers(one, other)) REQUIRE(all);
      if (all && other.find('#') == std::string::npos) REQUIRE(covers(one, other));
    }
  }
}

}  // namespace
}  // namespace bramble
