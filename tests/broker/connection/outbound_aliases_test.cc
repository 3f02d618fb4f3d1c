#include "broker/connection/outbound_aliases.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

namespace bramble {
namespace {

constexpr std::uint16_t kAny = 65'535;

std::uint16_t give(OutboundAliases& aliases, std::string_view topic, std::uint16_t most) {
  const std::uint16_t alias = aliases.free_for(topic, most);
  if (alias != 0) aliases.set(topic, alias);
  return alias;
}

TEST_CASE("topics get the aliases from 1 up, as many as the client takes, and keep them") {
  OutboundAliases aliases;
  CHECK(aliases.of("a") == 0);
  CHECK(give(aliases, "a", 2) == 1);
  CHECK(give(aliases, "b", 2) == 2);
  CHECK(give(aliases, "c", 2) == 0);
  for (int round = 0; round < 2; ++round) {
    CHECK(aliases.of("a") == 1);
    CHECK(aliases.of("a") == 1);
    CHECK(aliases.of("b") == 2);
    CHECK(aliases.of("c") == 0);
  }
}

TEST_CASE("a client that takes aliases without end does not make the broker remember topics without end") {
  OutboundAliases many;
  for (unsigned i = 0; i < OutboundAliases::kAliasesMax; ++i) CHECK(give(many, fmt::format("t/{}", i), kAny) == i + 1);
  CHECK(give(many, "one more", kAny) == 0);

  OutboundAliases large;
  CHECK(give(large, std::string(OutboundAliases::kTextMax, 't'), kAny) == 1);
  CHECK(give(large, "u", kAny) == 0);
}

}  // namespace
}  // namespace bramble
