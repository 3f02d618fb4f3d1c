#include "broker/session/sessions.h"

#include <doctest/doctest.h>
#include <vector>

#include "broker/reactor/reactor.h"
#include "tests/broker/reactor/turns.h"

namespace bramble {
namespace {

using mqtt::kSessionNeverExpires;

constexpr Seconds kYear{365 * 86'400};

TEST_CASE("[MQTT-4.1.0-2] a session ends at its own expiry or at persistent_client_expiration, whichever is first") {
  struct Case {
    std::uint32_t expiry_seconds;
    Seconds limit;  ///< 0: none
    Seconds not_before, not_after;
  };
  // A reactor looks at its timers up to 640 ms before what is due within 40 s, and up to 22 years before a century.
  const std::vector<Case> cases = {
      {20, Seconds(0), Seconds(19), Seconds(21)},
      {20, Seconds(30), Seconds(19), Seconds(21)},
      {30, Seconds(20), Seconds(19), Seconds(21)},
      {kSessionNeverExpires, Seconds(20), Seconds(19), Seconds(21)},
      {kSessionNeverExpires, 1000 * kYear, 50 * kYear, 200 * kYear},
      {20, 100'000 * kYear, Seconds(19), Seconds(21)},
  };
  for (const Case& it : cases) {
    CAPTURE(it.expiry_seconds);
    CAPTURE(it.limit.count());
    testing::Turns turns;
    SubscriptionTable table{turns.quiescence, 2, 1};
    SessionDirectory directory{1};
    ShardSubscribers subscribers;
    DeliveryRules rules;
    Ledger ledger;
    Sessions sessions{directory, table, subscribers, rules, ledger};
    turns.run({[&](const OnReactor& here) {
      directory.claim("client", here.id());
      OwnedSession& session = sessions.create(here, "client");
      session.expiry_seconds = it.expiry_seconds;
      sessions.absent(here, session, it.limit);
      const auto due = here.reactor().timers(here).next();
      CHECK((due && *due >= here.now() + it.not_before && *due <= here.now() + it.not_after));
    }});
  }
}

}  // namespace
}  // namespace bramble
