// What the store gives back to Sessions after a restart: broker/session/sessions_kept.cc.
#include <algorithm>
#include <doctest/doctest.h>
#include <string>
#include <vector>

#include "tests/broker/session/shelf.h"

namespace bramble::testing {

using mqtt::Qos;
using Stage = DeliveryState::Stage;

namespace {

Sessions::Restored restored(const std::string& client, std::uint32_t expiry, std::optional<SteadyTime> gone_at) {
  Sessions::Restored restored;
  restored.session = session(7);
  restored.session.client_id = client;
  restored.session.expiry_seconds = expiry;
  restored.session.gone_at = gone_at;
  return restored;
}

}  // namespace

TEST_CASE("restore gives back subscriptions, receipts, what is in flight and what waits, and tells nothing anew") {
  Shelf shelf;
  in_turn(shelf, [&](const OnReactor& here) {
    Sessions::Restored all = restored("client", 100, ago(Seconds(10)));
    all.session.user = "user";
    all.session.listener = "1884";
    all.session.mount_point = "site/";
    all.session.will.emplace();
    all.session.will->topic = "gone";
    all.session.will->delay = Seconds(1'000);
    all.subscriptions = {{SessionId{7}, "a/+", Qos::exactly_once, true, true, 5},
                         {SessionId{7}, "$share/group/b", Qos::at_least_once}};
    all.deliveries = deliveries(delivery(11, 7, message("in flight")), delivery(12, 7, message("waits")));
    all.deliveries[0].state = {Stage::puback, 40};
    all.deliveries[1].share = std::make_unique<const std::string>("$share/group/b");
    all.receipts = {{SessionId{7}, 3}, {SessionId{7}, 4}};
    OwnedSession& session = shelf.restore(here, std::move(all));
    CHECK(session.kept());
    CHECK(session.id() == SessionId{7});
    CHECK(session.listener == 1);
    CHECK(session.mount_point() == "site/");
    CHECK(session.access()->user == "user");
    CHECK(session.will->topic == "gone");
    CHECK(session.subscriptions.size() == 2);
    const Subscriber* const subscriber = shelf.subscribers.find(shelf.sessions.id_of(filter("a/+")), &session);
    REQUIRE(subscriber);
    CHECK(subscriber->qos == Qos::exactly_once);
    CHECK(subscriber->no_local);
    CHECK(subscriber->retain_as_published);
    CHECK(subscriber->subscription_identifier == 5);
    CHECK(shelf.sessions.id_of(filter("$share/group/b")) != FilterId{});
    CHECK(session.awaits_release(3));
    CHECK(session.awaits_release(4));
    CHECK(session.in_flight() == 1);
    CHECK(session.queued() == 1);
    shelf.sessions.begin(here, Seconds(0));
    CHECK(shelf.sessions.find("client") == &session);
    CHECK(shelf.close(here).empty());

    CHECK(session.release(3));
    shelf.come(here, session);
    const Texts sent = shelf.notes.take();
    CHECK(sent == Texts{"1 in flight #40 dup", "1 waits #41"});
    CHECK(session.on_puback(here, 40, here.reactor().turn_buffer(here)) == true);
    const Part part = shelf.close(here);
    CHECK(receipts_of(part) == Texts{"-3"});
    CHECK(removed_of(part) == Texts{"in flight"});
    REQUIRE(part.changed.size() == 1);
    CHECK(part.changed[0].row == 12);
  });
}

TEST_CASE("a session of an unknown mount point may be below any that all of its filters and topics begin with") {
  Shelf shelf;
  in_turn(shelf, [&](const OnReactor& here) {
    const auto may_be_below = [&](std::vector<KeptSubscription> subscriptions, std::vector<KeptDelivery> waiting = {}) {
      Sessions::Restored all = restored("client", 100, ago(Seconds(10)));
      all.subscriptions = std::move(subscriptions);
      all.deliveries = std::move(waiting);
      OwnedSession& session = shelf.restore(here, std::move(all));
      CHECK_FALSE(session.mount_point());
      Texts below;
      for (const char* const point : {"", "a", "a/", "a/b/", "b/"}) {
        if (session.may_be_below(point)) below.emplace_back(point);
      }
      session.set_mount_point("a/");
      CHECK(session.mount_point() == "a/");
      CHECK(session.may_be_below("a/"));
      CHECK_FALSE(session.may_be_below("a"));
      shelf.sessions.end(here, session);
      return below;
    };
    CHECK(may_be_below({}) == Texts{"", "a", "a/", "a/b/", "b/"});
    CHECK(may_be_below({{SessionId{7}, "a/b/c"}}) == Texts{"", "a", "a/", "a/b/"});
    CHECK(may_be_below({{SessionId{7}, "a/b/#"}, {SessionId{7}, "$share/b/a/+"}}) == Texts{"", "a", "a/"});
    CHECK(may_be_below({{SessionId{7}, "a/b"}, {SessionId{7}, "+/b"}}) == Texts{""});
    CHECK(may_be_below({}, deliveries(delivery(11, 7, message("x", "a/b")))) == Texts{"", "a", "a/"});
    CHECK(may_be_below({{SessionId{7}, "a/#"}}, deliveries(delivery(11, 7, message("x", "b/c")))) == Texts{""});
  });
}

TEST_CASE("[MQTT-4.3.3-10] a receipt may be older than the message that has its identifier: that one is another") {
  Shelf shelf;
  in_turn(shelf, [&](const OnReactor& here) {
    Sessions::Restored all = restored("client", 100, ago(Seconds(10)));
    all.receipts = {{SessionId{7}, 1, message_mark("t", "first")},
                    {SessionId{7}, 2, message_mark("t", "first")},
                    {SessionId{7}, 3}};
    OwnedSession& session = shelf.restore(here, std::move(all));
    const auto again = [](mqtt::Publish publish) {
      publish.dup = true;  // [MQTT-3.3.1-1]
      return publish;
    };
    CHECK(session.has_had(again(qos2(1, "first"))));
    CHECK_FALSE(session.has_had(qos2(1, "first")));      // the same words once more
    CHECK(session.has_had(again(qos2(3, "whatever"))));  // one that was imported: what it was is not known
    CHECK_FALSE(session.has_had(again(qos2(1, "second"))));
    CHECK_FALSE(session.has_had(qos2(4, "first")));
    CHECK_FALSE(session.has_had(qos2(1, "second")));
    session.await_release(qos2(1, "second"));
    CHECK(session.has_had(qos2(1, "second")));
    CHECK(session.release(2));
    session.await_release(qos2(2, "second"));
    CHECK(session.has_had(qos2(2, "second")));
  });
}

TEST_CASE("a retained replay that was under way goes on from where it was") {
  Shelf shelf;
  for (const char* const topic : {"r/1", "r/2", "r/3", "r/4"}) {
    shelf.retained.restore(static_cast<std::uint32_t>(topic[2] - '1'), message("p", topic));
  }
  in_turn(shelf, [&](const OnReactor& here) {
    Sessions::Restored all = restored("client", 100, ago(Seconds(10)));
    all.subscriptions = {{SessionId{7}, "r/#"}, {SessionId{7}, "other/#"}};
    all.subscriptions[0].replay_from = 2;
    OwnedSession& session = shelf.restore(here, std::move(all));
    REQUIRE_FALSE(session.replays.empty());
    auto& [id, pending] = session.replays.first();
    CHECK(pending.wanted->text() == "r/#");
    CHECK(pending.from == 2);
    auto replay = shelf.retained.begin(pending.wanted->text(), pending.from);
    std::vector<MessagePtr> found;
    while (shelf.retained.next(replay, here.now(), 10, found)) {
    }
    REQUIRE(found.size() == 2);
    CHECK(found[0]->topic() == "r/3");
    session.replays.erase(id);
    CHECK(session.replays.empty());
    CHECK(shelf.close(here).subscriptions.empty());  // nobody has said that it went on
    shelf.sessions.replayed(session);
    REQUIRE(shelf.close(here).subscriptions.size() == 1);
  });
}

TEST_CASE("whose client was there when the broker ended is away from the start on, and the store hears of it") {
  Shelf shelf;
  in_turn(shelf, [&](const OnReactor& here) {
    OwnedSession& session = shelf.restore(here, restored("client", 100, std::nullopt));
    shelf.sessions.begin(here, Seconds(0));
    const Part part = shelf.close(here);
    REQUIRE(part.sessions.size() == 1);
    REQUIRE(part.sessions[0].gone_at);
    CHECK(*part.sessions[0].gone_at > ago(Seconds(10)));
    REQUIRE(session.ends_at());
    CHECK(*session.ends_at() > here.now() + Seconds(90));
  });
}

TEST_CASE("[MQTT-3.1.2-23] a session whose expiry passed while the broker was away ends when it begins") {
  Shelf shelf;
  in_turn(shelf, [&](const OnReactor& here) {
    Sessions::Restored over = restored("over", 100, ago(Seconds(200)));
    over.deliveries = deliveries(delivery(11, 7, message("x")));
    shelf.restore(here, std::move(over));
    Sessions::Restored due = restored("limited", mqtt::kSessionNeverExpires, ago(Seconds(5'000)));
    due.session.id = SessionId{8};
    shelf.restore(here, std::move(due));
    Sessions::Restored not_yet = restored("not yet", 400, ago(Seconds(200)));
    not_yet.session.id = SessionId{9};
    OwnedSession& stays = shelf.restore(here, std::move(not_yet));
    CHECK(shelf.sessions.size() == 3);
    shelf.sessions.begin(here, Seconds(1'000));
    CHECK(shelf.sessions.size() == 1);
    CHECK_FALSE(shelf.sessions.find("over"));
    CHECK_FALSE(shelf.sessions.find("limited"));
    REQUIRE(stays.ends_at());
    CHECK(*stays.ends_at() > here.now() + Seconds(190));
    CHECK(*stays.ends_at() < here.now() + Seconds(210));
    Part part = shelf.close(here);
    std::sort(part.ended.begin(), part.ended.end());
    CHECK(part.ended == std::vector{SessionId{7}, SessionId{8}});
    CHECK(removed_of(part) == Texts{"x"});
  });
}

TEST_CASE("a clock that has been set back, or not yet set, ends no session") {
  Shelf shelf;
  in_turn(shelf, [&](const OnReactor& here) {
    OwnedSession& soon = shelf.restore(here, restored("soon", 100, ago(Seconds(-5))));
    Sessions::Restored far = restored("far", 100, ago(Seconds(-20LL * 365 * 86'400)));
    far.session.id = SessionId{8};
    shelf.restore(here, std::move(far));
    shelf.sessions.begin(here, Seconds(0));
    CHECK(shelf.sessions.size() == 2);
    REQUIRE(shelf.sessions.find("soon") == &soon);
    REQUIRE(soon.ends_at());
    CHECK(*soon.ends_at() <= here.now() + Seconds(101));
  });
}

TEST_CASE("[MQTT-3.1.3-9] a Will whose delay passed while the broker was away is published at the start") {
  Shelf shelf;
  in_turn(shelf, [&](const OnReactor& here) {
    Sessions::Restored crashed = restored("crashed", 1'000, std::nullopt);  // the broker did: no delay
    crashed.session.will.emplace();
    crashed.session.will->topic = "gone";
    OwnedSession& session = shelf.restore(here, std::move(crashed));
    Sessions::Restored waits = restored("waits", 1'000, ago(Seconds(10)));
    waits.session.id = SessionId{8};
    waits.session.will.emplace();
    waits.session.will->topic = "later";
    waits.session.will->delay = Seconds(500);
    OwnedSession& later = shelf.restore(here, std::move(waits));
    shelf.sessions.begin(here, Seconds(0));
    const auto left = shelf.sessions.take_leftovers();
    REQUIRE(left.size() == 1);
    CHECK(left[0].will->topic == "gone");
    CHECK_FALSE(session.will);
    CHECK(later.will);
    const Part part = shelf.close(here);
    REQUIRE(part.sessions.size() == 1);
    CHECK(part.sessions[0].id == SessionId{7});
    CHECK_FALSE(part.sessions[0].will);
  });
}

TEST_CASE("what was picked for a group that the session has left is its own when it is restored") {
  Shelf shelf;
  in_turn(shelf, [&](const OnReactor& here) {
    Sessions::Restored one = restored("client", 100, ago(Seconds(1)));
    one.deliveries = deliveries(delivery(11, 7, message("x")));
    one.deliveries[0].share = std::make_unique<const std::string>("$share/left/t");
    OwnedSession& session = shelf.restore(here, std::move(one));
    shelf.sessions.end(here, session);
    CHECK_FALSE(shelf.sessions.has_leftovers());
  });
}

TEST_CASE("new sessions are numbered behind those of the file") {
  Sessions::begin_ids_after(SessionId{5'000});
  Shelf shelf;
  in_turn(shelf, [&](const OnReactor& here) { CHECK(shelf.begin(here, "client", 0).id() == SessionId{5'001}); });
}

}  // namespace bramble::testing
