#include <array>
#include <cstdio>
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <string>
#include <vector>

#include "core/auth/password_hash.h"
#include "tests/stress/latency_probe.h"
#include "tests/support/client.h"
#include "tests/support/text_file.h"

// Those who guess passwords, beside clients at work.
namespace bramble::testing {

TEST_CASE("200 wrong passwords a second neither slow the others nor take memory, and right ones come through") {
  constexpr std::array<unsigned char, 16> kSalt{1, 2, 3};
  const TextFile users("anna:" + PasswordHash::argon2id("secret", kSalt).text() + "\n" +
                       "ben:" + PasswordHash::argon2id("secret", kSalt).text() + "\n");
  for (const char* const rate : {"password_rate 20", "password_rate 0"}) {
    CAPTURE(std::string(rate));
    const Broker broker(std::string("log_type error\npassword_file ") + users.path() + "\n" + rate);
    const auto as = [](const std::string& user, const std::string& password) {
      return encode(Connect{.client_id = unique_name("guess"), .user_name = user, .password = password});
    };
    RawClient anna(broker.port());
    anna.send(as("anna", "secret"));
    CHECK(parse_connack(Version::v5, anna.read_packet()).code == 0);
    const double quiet = quiet_p99(broker, Milliseconds(500));
    const std::uint64_t before = broker.rss_bytes();

    LatencyProbe probe(broker, "at work");
    std::vector<RawClient> guesses;
    const int all = short_run() ? 400 : 1'000;
    for (int i = 0; i < all; ++i) {
      guesses.emplace_back(broker.port());
      guesses.back().send(as(i % 2 == 0 ? "anna" : "nobody", "guess" + std::to_string(i)));
      let_pass(Milliseconds(5));
    }
    RawClient again(broker.port());  // it was right before, so nobody needs to find that out anew
    again.send(as("anna", "secret"));
    CHECK(parse_connack(Version::v5, again.read_packet()).code == 0);
    probe.stop();
    const std::uint64_t after = broker.rss_bytes();
    const double p99 = probe.milliseconds_at_any_time(0.99);
    std::printf("%d wrong passwords, %s: p99 %.1f ms, quiet %.1f ms; %.1f to %.1f MB\n", all, rate, p99, quiet,
                static_cast<double>(before) / 1e6, static_cast<double>(after) / 1e6);
    CHECK(probe.messages() > 100);
    if (optimised()) CHECK(p99 < 10 + quiet);
    if (optimised()) CHECK(after < before + 60'000'000);  // a hash takes 19 MB while it is made
  }
}

}  // namespace bramble::testing
