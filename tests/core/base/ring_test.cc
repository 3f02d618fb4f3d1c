#include "core/base/ring.h"

#include <deque>
#include <doctest/doctest.h>
#include <memory>
#include <random>

namespace bramble {

TEST_CASE("a Ring gives back what was pushed, in order") {
  Ring<int> ring;
  CHECK(ring.empty());
  for (int i = 0; i < 100; ++i) ring.push_back(i);
  CHECK(ring.size() == 100);
  CHECK(ring.front() == 0);
  CHECK(ring.back() == 99);
  for (int i = 0; i < 100; ++i) CHECK(ring.pop_front() == i);
  CHECK(ring.empty());
}

TEST_CASE("a Ring lets go of what it gave away at once") {
  Ring<std::shared_ptr<int>> ring;
  auto value = std::make_shared<int>(1);
  ring.push_back(value);
  ring.push_back(nullptr);
  ring.pop_front();
  CHECK(value.use_count() == 1);
  ring.push_back(value);
  ring.erase(1);
  CHECK(value.use_count() == 1);
  ring.push_back(value);
  ring.clear();
  CHECK(value.use_count() == 1);
  CHECK(ring.empty());
}

TEST_CASE("a Ring agrees with std::deque after any run of changes") {
  const unsigned seed = 20261122;
  CAPTURE(seed);
  std::mt19937 random(seed);
  Ring<unsigned> ring;
  std::deque<unsigned> plain;
  for (unsigned step = 0; step < 100'000; ++step) {
    const bool growing = step / 1000 % 2 == 0;
    switch (random() % (growing ? 6 : 10)) {
      case 0:
        ring.push_front(step);
        plain.push_front(step);
        break;
      case 1:
      case 2:
      case 3:
        ring.push_back(step);
        plain.push_back(step);
        break;
      case 4:
        if (plain.empty()) break;
        {
          const auto at = random() % plain.size();
          ring.erase(at);
          plain.erase(plain.begin() + static_cast<std::ptrdiff_t>(at));
        }
        break;
      default:
        if (plain.empty()) break;
        REQUIRE(ring.pop_front() == plain.front());
        plain.pop_front();
    }
    REQUIRE(ring.size() == plain.size());
    REQUIRE(ring.empty() == plain.empty());
    if (plain.empty()) continue;
    REQUIRE(ring.front() == plain.front());
    REQUIRE(ring.back() == plain.back());
    const auto at = random() % plain.size();
    REQUIRE(ring[at] == plain[at]);
  }
}

}  // namespace bramble
