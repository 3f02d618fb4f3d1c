#include <algorithm>
#include <doctest/doctest.h>
#include <string>
#include <vector>

#include "core/auth/access_list.h"
#include "core/topic/match.h"
#include "tests/core/auth/plain_access.h"
#include "tests/support/random.h"

namespace bramble {
namespace {

using testing::PlainRule;
using testing::Random;

const std::vector<std::string> kNames = {"a", "b", "ab", "$x", "x/y", "/", "a+", "#", "%c", "%u", "u v"};
const std::vector<std::string> kLevels = {"a", "b", "ab", "", "$x", "x", "y", "%c", "%u", "u v", "aa"};

std::string topic_of(Random& random) {
  std::string topic = random.pick(kLevels);
  for (auto more = random.below(4); more > 0; --more) topic += "/" + random.pick(kLevels);
  return topic;
}

std::string filter_of(Random& random) {
  static const std::vector<std::string> kMore = {"+", "+", "%c%u", "a%c", "$%u", "%ub"};
  const auto level = [&random] { return random.pick(random.one_in(2) ? kMore : kLevels); };
  std::string filter = level();
  for (auto more = random.below(3); more > 0; --more) filter += "/" + level();
  if (random.one_in(4)) filter += "/#";
  if (random.one_in(40)) filter = "#";
  return filter;
}

struct Lists {
  std::vector<PlainRule> plain;
  std::string text;
};

Lists lists_of(Random& random) {
  static const std::vector<std::string> kWords = {"", "read", "write", "readwrite", "deny", "deny"};
  Lists lists;
  std::optional<std::string> user;
  unsigned line = 0;
  for (auto left = random.between(0, 25); left > 0; --left) {
    if (random.one_in(5)) {
      user = random.pick(kNames);
      lists.text += "user " + *user + "\n";
      ++line;
      continue;
    }
    PlainRule rule{user, random.one_in(2), random.pick(kWords), filter_of(random), ++line};
    if (rule.filter.empty()) rule.filter = "/";
    if (rule.word.empty() && rule.filter.find(' ') != std::string::npos) rule.word = "read";
    lists.text +=
        (rule.pattern ? "pattern " : "topic ") + rule.word + (rule.word.empty() ? "" : " ") + rule.filter + "\n";
    lists.plain.push_back(rule);
  }
  return lists;
}

std::optional<std::string> user_of(Random& random) {
  if (random.one_in(4)) return std::nullopt;
  return random.one_in(10) ? std::string() : random.pick(kNames);
}

TEST_CASE("an access list agrees with a plain list of its rules") {
  Random random(testing::test_seed());
  for (int round = 0; round < 1'500; ++round) {
    const Lists lists = lists_of(random);
    const auto& plain = lists.plain;
    const auto& text = lists.text;
    CAPTURE(text);
    const auto list = AccessList::parse(text, "acl");
    REQUIRE_MESSAGE(list.has_value(), (list ? std::string() : list.error()));
    for (int client = 0; client < 6; ++client) {
      const auto user = user_of(random);
      const auto client_id = random.pick(kNames);
      CAPTURE(user.value_or("nobody"));
      CAPTURE(client_id);
      const auto rights = (*list)->rights_of(user, client_id);
      for (int i = 0; i < 20; ++i) {
        const auto topic = topic_of(random);
        CAPTURE(topic);
        for (const auto access : {Access::read, Access::write}) {
          const auto expected = testing::plain_decide(plain, user, client_id, access, topic);
          const auto decision = rights->decide(access, topic);
          REQUIRE(decision.allowed == expected.allowed);
          REQUIRE((decision.rule ? decision.rule->line : 0) == expected.line);
          const Rule* withheld = rights->withheld(access, topic);
          if (withheld) REQUIRE(testing::holds(client_id + user.value_or(""), "/$"));
        }
      }
    }
  }
}

TEST_CASE("all_readable is never true where a topic that matches is denied, and reading() leaves no rule out") {
  Random random(testing::test_seed() + 1);
  int sure = 0;
  for (int round = 0; round < 1'000; ++round) {
    const Lists lists = lists_of(random);
    const auto& plain = lists.plain;
    const auto& text = lists.text;
    CAPTURE(text);
    const auto list = AccessList::parse(text, "acl").value();
    for (int client = 0; client < 4; ++client) {
      const auto user = user_of(random);
      const auto client_id = random.pick(kNames);
      CAPTURE(user.value_or("nobody"));
      CAPTURE(client_id);
      const auto rights = list->rights_of(user, client_id);
      for (int i = 0; i < 5; ++i) {
        // Filters that a client subscribes to: often the ones that the rules spell.
        auto filter = filter_of(random);
        if (!plain.empty() && random.one_in(2))
          filter = testing::plain_filter(random.pick(plain), user, client_id).value_or(filter);
        if (testing::holds(filter, "+#") && testing::holds(client_id + user.value_or(""), "+#")) filter = "#";
        CAPTURE(filter);
        const auto reading = rights->reading(filter);
        sure += reading.all ? 1 : 0;
        for (int j = 0; j < 40; ++j) {
          const auto topic = topic_of(random);
          if (!matches(filter, topic)) continue;
          CAPTURE(topic);
          const auto decision = rights->decide(Access::read, topic);
          if (reading.all) REQUIRE(decision.allowed);
          if (!decision.rule) continue;
          const auto& rules = decision.allowed ? reading.allows : reading.denies;
          const bool is_there = std::ranges::find(rules, decision.rule) != rules.end();
          REQUIRE(is_there);
        }
      }
    }
  }
  CHECK(sure > 100);  // else this shows nothing
}

}  // namespace
}  // namespace bramble
