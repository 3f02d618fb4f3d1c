#include <doctest/doctest.h>

#include "broker/auth/address_rates.h"
#include "broker/connection/publish_allowance.h"
#include "broker/connection/shard_parts.h"
#include "broker/connection/takeovers.h"
#include "broker/connection/unread.h"

namespace bramble {
namespace {

const SteadyTime kStart = SteadyTime{} + Seconds(1000);

TEST_CASE("an address may do what ten seconds bring at once, and then as much as time brings") {
  AddressRates rates(2);
  for (int i = 0; i < 20; ++i) CHECK(rates.allow("10.0.0.1", kStart, false));
  CHECK(!rates.allow("10.0.0.1", kStart, false));
  CHECK(rates.allow("10.0.0.2", kStart, false));
  CHECK(!rates.allow("10.0.0.1", kStart + Milliseconds(499), false));
  CHECK(rates.allow("10.0.0.1", kStart + Milliseconds(501), false));
  CHECK(!rates.allow("10.0.0.1", kStart + Milliseconds(501), false));
}

TEST_CASE("addresses of one IPv6 network of 64 bits share what they may") {
  AddressRates rates(1);
  for (int i = 0; i < 10; ++i) CHECK(rates.allow("2001:db8:0:1::" + std::to_string(i + 1), kStart, false));
  CHECK(!rates.allow("2001:db8:0:1::ffff", kStart, false));
  CHECK(rates.allow("2001:db8:0:2::1", kStart, false));
}

TEST_CASE("with as many addresses as it can know, others are told what the caller says, until some have been silent") {
  AddressRates rates(1);
  for (std::size_t i = 0; i < AddressRates::kAddressesMax; ++i) {
    REQUIRE(rates.allow("10." + std::to_string(i >> 8) + ".0." + std::to_string(i & 255), kStart, false));
  }
  CHECK(!rates.allow("192.0.2.1", kStart, false));
  CHECK(rates.allow("192.0.2.1", kStart, true));
  CHECK(rates.allow("192.0.2.1", kStart + Seconds(11), false));
}

TEST_CASE("no rate is no limit") {
  AddressRates rates(0);
  for (int i = 0; i < 1000; ++i) CHECK(rates.allow("10.0.0.1", kStart, false));
}

TEST_CASE("a client id may be taken over so often in ten seconds; then it is left alone for ten") {
  Takeovers takeovers;
  using enum Takeovers::Verdict;
  for (int i = 0; i < 3; ++i) CHECK(takeovers.ask("twin", 3, kStart) == allowed);
  CHECK(takeovers.ask("twin", 3, kStart + Seconds(1)) == quarantine_begins);
  CHECK(takeovers.ask("twin", 3, kStart + Seconds(2)) == quarantine);
  CHECK(takeovers.ask("another", 3, kStart + Seconds(2)) == allowed);
  CHECK(takeovers.ask("twin", 3, kStart + Seconds(12)) == allowed);
  for (int i = 0; i < 1000; ++i) CHECK(takeovers.ask("any", 0, kStart) == allowed);
}

TEST_CASE("what a client may publish is limited by number, by bytes, or by both") {
  ListenerOptions options;
  CHECK(!PublishAllowance::limited(options));
  options.max_publish_rate = 2;
  CHECK(PublishAllowance::limited(options));
  PublishAllowance number(options, kStart);
  for (int i = 0; i < 2; ++i) {
    CHECK(number.any(options, kStart));
    number.spend(options, 1'000'000);
  }
  CHECK(!number.any(options, kStart));
  CHECK(number.any(options, kStart + Milliseconds(600)));

  options.max_publish_bytes_rate = 1000;
  PublishAllowance both(options, kStart);
  both.spend(options, 3000);  // larger than a second's, and allowed
  CHECK(!both.any(options, kStart + Milliseconds(1900)));
  CHECK(both.any(options, kStart + Milliseconds(2100)));
}

TEST_CASE("a message that has to wait for the store costs what a client may publish once, however often it is tried") {
  ListenerOptions options;
  options.max_publish_rate = 1;
  options.max_publish_bytes_rate = 1000;
  PublishAllowance allowance(options, kStart);
  for (int i = 0; i < 100; ++i) {
    REQUIRE(allowance.any(options, kStart));
    allowance.spend(options, 3000);
    CHECK(!allowance.any(options, kStart));
    allowance.give_back(options, 3000);
  }
}

TEST_CASE("the rest of one that was taken over is over when nothing has come for 250 ms, and in two seconds anyhow") {
  PublishAllowance allowance(ListenerOptions{}, kStart);
  CHECK(!allowance.rest_is_over(kStart + Seconds(1000)));
  allowance.taken_over(kStart);
  CHECK(!allowance.rest_is_over(kStart + Milliseconds(249)));
  CHECK(allowance.rest_is_over(kStart + Milliseconds(250)));
  for (int i = 1; i < 20; ++i) allowance.rest_came(kStart + i * Milliseconds(100));
  CHECK(!allowance.rest_is_over(kStart + Milliseconds(1999)));
  CHECK(allowance.rest_is_over(kStart + Milliseconds(2000)));
}

TEST_CASE("a client without limits that has waited for memory may publish all it likes") {
  PublishAllowance allowance(ListenerOptions{}, kStart);
  for (int i = 0; i < 1000; ++i) {
    CHECK(allowance.any(ListenerOptions{}, kStart));
    allowance.spend(ListenerOptions{}, 1'000'000);
  }
}

TEST_CASE("unread bytes are dropped from the front, however many at a time, and more comes behind") {
  std::string all;
  for (int i = 0; i < 1000; ++i) all += std::to_string(i) + ' ';
  Unread unread(all);
  for (std::size_t dropped = 0, size = 0; dropped + size < all.size(); ++size) {
    unread.drop(size);
    dropped += size;
    CHECK(unread.view() == std::string_view(all).substr(dropped));
    CHECK(unread.size() == all.size() - dropped);
  }
  unread.append("more");
  CHECK(unread.view().ends_with("999 more"));
}

TEST_CASE("the steps of memory_limit") {
  CHECK(shortage_of(1'000'000, 0) == Shortage::none);
  CHECK(shortage_of(799, 1000) == Shortage::none);
  CHECK(shortage_of(800, 1000) == Shortage::nothing_new);
  CHECK(shortage_of(900, 1000) == Shortage::slow_publishers);
  CHECK(shortage_of(1000, 1000) == Shortage::stop_publishers);
}

}  // namespace
}  // namespace bramble
