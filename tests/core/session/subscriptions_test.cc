#include "core/session/subscriptions.h"

#include <algorithm>
#include <doctest/doctest.h>
#include <string>
#include <vector>

#include "core/topic/subscription_table.h"
#include "tests/support/random.h"

namespace bramble {
namespace {

constexpr ReactorId kHere{0};

std::vector<std::uint64_t> ids(const Subscriptions& subscriptions) {
  std::vector<std::uint64_t> found;
  subscriptions.each([&found](const SessionSubscription& it) { found.push_back(it.id().value); });
  std::sort(found.begin(), found.end());
  return found;
}

TEST_CASE("a session's subscriptions agree with a plain list after any run of changes, few or many") {
  testing::Random random(testing::test_seed());
  Quiescence quiescence(1);
  SubscriptionTable table(quiescence, 1, 42);
  quiescence.online(kHere);
  Subscriptions subscriptions;
  std::vector<SessionSubscription> list;
  int next = 0;
  for (int step = 0; step < 5'000; ++step) {
    // grows over the size that gets a table, and shrinks back
    const bool grows = step / 1'000 % 2 == 0;
    if (random.one_in(grows ? 3 : 2) && !list.empty()) {
      const std::size_t at = random.below(list.size());
      REQUIRE(subscriptions.remove(list[at]));
      REQUIRE_FALSE(subscriptions.remove(list[at]));
      list.erase(list.begin() + static_cast<std::ptrdiff_t>(at));
    } else if (grows || random.one_in(2)) {
      const bool shared = random.one_in(4);
      const std::string filter = (shared ? "$share/g/filter/" : "filter/") + std::to_string(++next);
      const TopicFilter wanted = TopicFilter::parse(filter).value();
      list.push_back(shared ? SessionSubscription(table.join(kHere, wanted, true))
                            : SessionSubscription(table.add(kHere, wanted)));
      subscriptions.add(list.back());
    } else if (random.one_in(10)) {
      if (const auto last = subscriptions.take_last()) REQUIRE(std::erase(list, *last) == 1);
    }
    REQUIRE(subscriptions.size() == list.size());
    if (step % 50 == 0) {
      std::vector<std::uint64_t> expected;
      for (const SessionSubscription& it : list) expected.push_back(it.id().value);
      std::sort(expected.begin(), expected.end());
      REQUIRE(ids(subscriptions) == expected);
    }
  }
  while (subscriptions.take_last()) list.pop_back();
  CHECK(list.empty());
  CHECK_FALSE(subscriptions.take_last().has_value());
}

}  // namespace
}  // namespace bramble
