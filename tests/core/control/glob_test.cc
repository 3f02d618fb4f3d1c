#include "core/control/glob.h"

#include <doctest/doctest.h>
#include <fnmatch.h>
#include <string>

#include "tests/support/random.h"

namespace bramble::control {
namespace {

TEST_CASE("patterns for client ids take *, ? and [...] as shells do") {
  CHECK(looks_like("sensor-12", "sensor-*"));
  CHECK(looks_like("sensor-12", "*12"));
  CHECK(looks_like("sensor-12", "sensor-??"));
  CHECK(looks_like("sensor-12", "sensor-[0-9][!3-9]"));
  CHECK_FALSE(looks_like("sensor-12", "sensor-?"));
  CHECK_FALSE(looks_like("sensor-12", "ensor*"));
  CHECK(looks_like("", "*"));
  CHECK(looks_like("", ""));
  CHECK_FALSE(looks_like("a", ""));
  CHECK(looks_like("a*b", "a\\*b"));
  CHECK_FALSE(looks_like("axb", "a\\*b"));
  CHECK(looks_like("a[b", "a[b"));  // no class without its end
}

TEST_CASE("a character of a pattern is one of UTF-8") {
  CHECK(looks_like("Küche", "K?che"));
  CHECK(looks_like("Küche", "K[ä-ü]che"));
  CHECK_FALSE(looks_like("Küche", "K??che"));
}

TEST_CASE("a pattern of many stars does not take for ever") {
  std::string pattern;
  for (int i = 0; i < 200; ++i) pattern += "a*";
  CHECK_FALSE(looks_like(std::string(20'000, 'a') + "c", pattern + "b"));
}

TEST_CASE("patterns agree with fnmatch on whatever is made of few characters") {
  testing::Random random(testing::test_seed());
  const auto text_of = [&](std::string_view letters, std::size_t size_max) {
    std::string text;
    for (std::size_t left = random.below(size_max + 1); left > 0; --left) text += letters[random.below(letters.size())];
    return text;
  };
  for (int step = 0; step < 20'000; ++step) {
    const std::string text = text_of("ab-", 8), pattern = text_of("ab*?-", 8);
    CAPTURE(text);
    CAPTURE(pattern);
    REQUIRE(looks_like(text, pattern) == (::fnmatch(pattern.c_str(), text.c_str(), 0) == 0));
  }
}

}  // namespace
}  // namespace bramble::control
