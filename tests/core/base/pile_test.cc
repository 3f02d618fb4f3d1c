#include "core/base/pile.h"

#include <cstring>
#include <doctest/doctest.h>
#include <string>
#include <vector>

namespace bramble {

TEST_CASE("what is laid on a pile stays where it is, and within what was expected lies one behind the other") {
  for (const std::size_t expected : {0u, 1'000u, 100'000u}) {
    Pile pile;
    pile.expect(expected);
    std::vector<char*> places;
    for (int i = 0; i < 1'000; ++i) {
      places.push_back(pile.add(10));
      std::memset(places.back(), 'a' + i % 26, 10);
    }
    CHECK(pile.bytes() == 10'000);
    std::size_t gaps = 0;
    for (std::size_t i = 0; i < places.size(); ++i) {
      CHECK(std::string(places[i], 10) == std::string(10, static_cast<char>('a' + i % 26)));
      if (i > 0 && places[i] != places[i - 1] + 10) ++gaps;
    }
    CHECK(gaps <= (expected < 10'000 ? 6 : 0));
  }
}

TEST_CASE("a pile takes what is larger than all that was expected, and nothing takes no memory") {
  Pile pile;
  CHECK(pile.bytes() == 0);
  CHECK(pile.memory() == 0);
  char* const small = pile.add(1);
  char* const large = pile.add(1'000'000);
  std::memset(large, 'x', 1'000'000);
  *small = 'y';
  CHECK(*small == 'y');
  CHECK(pile.bytes() == 1'000'001);
  CHECK(pile.memory() >= pile.bytes());
}

}  // namespace bramble
