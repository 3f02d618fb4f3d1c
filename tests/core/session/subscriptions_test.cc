#include "core/session/subscriptions.h"

#include <algorithm>
#include <doctest/doctest.h>
#include <vector>

#include "tests/support/random.h"

namespace bramble {
namespace {

std::vector<std::uint64_t> ids(const Subscriptions& subscriptions) {
  std::vector<std::uint64_t> found;
  for (const auto& subscription : subscriptions) found.push_back(subscription.id.value);
  std::sort(found.begin(), found.end());
  return found;
}

TEST_CASE("a session's subscriptions agree with a plain list after any run of changes, few or many") {
  testing::Random random(testing::test_seed());
  Subscriptions subscriptions;
  std::vector<std::uint64_t> list;
  std::uint64_t next = 0;
  for (int step = 0; step < 5'000; ++step) {
    // grows over the size that gets an index, and shrinks back
    const bool grows = step / 1'000 % 2 == 0;
    if (random.one_in(grows ? 3 : 2) && !list.empty()) {
      const std::size_t at = random.below(list.size());
      REQUIRE(subscriptions.remove(FilterId{list[at]}));
      REQUIRE_FALSE(subscriptions.remove(FilterId{list[at]}));
      list.erase(list.begin() + static_cast<std::ptrdiff_t>(at));
    } else if (grows || random.one_in(2)) {
      subscriptions.add({FilterId{++next}, nullptr, nullptr});
      list.push_back(next);
    } else if (const auto last = subscriptions.take_last()) {
      REQUIRE(std::erase(list, last->id.value) == 1);
    }
    REQUIRE(subscriptions.size() == list.size());
    if (step % 50 == 0) {
      std::sort(list.begin(), list.end());
      REQUIRE(ids(subscriptions) == list);
    }
  }
  while (subscriptions.take_last()) list.pop_back();
  CHECK(list.empty());
  CHECK_FALSE(subscriptions.take_last().has_value());
}

}  // namespace
}  // namespace bramble
