// Sessions and the store: broker/session/sessions_kept.cc.
#include <algorithm>
#include <doctest/doctest.h>
#include <string>
#include <vector>

#include "broker/reactor/reactor.h"
#include "broker/session/sessions.h"
#include "broker/store/store.h"
#include "tests/broker/reactor/turns.h"
#include "tests/broker/store/kept_things.h"
#include "tests/core/session/outbound_scene.h"

namespace bramble::testing {

namespace {

using mqtt::PacketId;
using mqtt::Qos;
using mqtt::ReasonCode;
using Stage = DeliveryState::Stage;

TopicFilter filter(std::string_view text) { return *TopicFilter::parse(text); }

/// The sessions of one reactor, with a store that is not started.
struct Shelf {
  explicit Shelf(Promise promise = Promise::commit)
      : store(open(folder / "db"), turns.mesh, retained, options(promise), 100) {
    auto listener = std::make_shared<ListenerRules>();
    listener->options.port = 1884;
    sessions.use({std::make_shared<ListenerRules>(), listener});
    ledger.use(store);
  }
  static StoreOptions options(Promise promise) {
    StoreOptions options;
    options.persistence = true;
    options.durability = promise;
    return options;
  }

  OwnedSession& begin(const OnReactor& here, const std::string& client, std::uint32_t expiry) {
    directory.claim(client, here.id());
    OwnedSession& session = sessions.create(here, client);
    session.expiry_seconds = expiry;
    sessions.tell(here, session);
    return session;
  }
  OwnedSession& restore(const OnReactor& here, Sessions::Restored restored) {
    const std::string client = restored.session.client_id;
    directory.claim(client, here.id());
    sessions.restore(here, std::move(restored));
    return *sessions.find(client);
  }
  void come(const OnReactor& here, OwnedSession& session) {
    sessions.present(here, session, notes, 65'535, here.reactor().turn_buffer(here));
    session.pump(here, here.reactor().turn_buffer(here));
  }
  void subscribe(const OnReactor& here, OwnedSession& session, std::string_view to, Qos qos = Qos::at_most_once) {
    Subscriber subscriber;
    subscriber.recipient = &session;
    subscriber.qos = qos;
    sessions.subscribe(here, session, filter(to), subscriber);
  }
  void deliver(const OnReactor& here, OwnedSession& session, const std::string& payload, Qos qos = Qos::at_least_once,
               FilterId share = {}) {
    const ApplicationMessage::Facts facts{qos, false, mqtt::kNoExpiry, here.now(), {}};
    Publication publication({"t", {}, payload}, facts, here.now(), here.reactor().turn_buffer(here));
    Subscriber subscriber;
    subscriber.recipient = &session;
    subscriber.qos = qos;
    session.deliver(here, publication, subscriber, share, false);
  }
  /// What the round tells, as it closes.
  Part close(const OnReactor& here) {
    sessions.tell_touched(here);
    ledger.close();
    return std::move(*ledger.take_closed());
  }

  Folder folder;
  Turns turns;
  SubscriptionTable table{turns.quiescence, 2, 1};
  SessionDirectory directory{1};
  ShardSubscribers subscribers;
  RetainedMessages retained{turns.quiescence, 1};
  DeliveryRules rules;
  Store store;
  Ledger ledger;
  Notes notes;
  Sessions sessions{directory, table, subscribers, rules, ledger};
};

/// Runs `step` in a turn of the first reactor.
template <class Step>
void in_turn(Shelf& shelf, Step step) {
  shelf.turns.run({step});
}

/// "+a 1" for one that was made at QoS 1, "-a" for one that was removed.
Texts changes_of_subscriptions(const Part& part) {
  Texts all;
  for (const auto& change : part.subscriptions) {
    const KeptSubscription& it = change.subscription;
    all.push_back(change.removed ? "-" + it.filter : "+" + it.filter + " " + std::to_string(static_cast<int>(it.qos)));
  }
  return all;
}

Texts payloads_of(const Part& part) {
  Texts all;
  for (const auto& each : part.deliveries) all.emplace_back(each.message->payload());
  return all;
}

Texts removed_of(const Part& part) {
  Texts all;
  for (const auto& each : part.removed) all.emplace_back(each.message->payload());
  return all;
}

/// "+1" for a receipt, "-1" for its release.
Texts receipts_of(const Part& part) {
  Texts all;
  for (const auto& each : part.receipts) {
    all.push_back((each.released ? "-" : "+") + std::to_string(each.receipt.packet_id));
  }
  return all;
}

Sessions::Restored restored(const std::string& client, std::uint32_t expiry, std::optional<WallTime> gone_at) {
  Sessions::Restored restored;
  restored.session = session(7);
  restored.session.client_id = client;
  restored.session.expiry_seconds = expiry;
  restored.session.gone_at = gone_at;
  return restored;
}

WallTime ago(Seconds seconds) { return Clocks::now().wall - seconds; }

}  // namespace

TEST_CASE("a session that outlives its connection is told once a round, as it is when that closes") {
  Shelf shelf;
  in_turn(shelf, [&](const OnReactor& here) {
    OwnedSession& kept = shelf.begin(here, "kept", 100);
    OwnedSession& brief = shelf.begin(here, "brief", 0);
    CHECK(kept.kept());
    CHECK_FALSE(brief.kept());
    kept.listener = 1;
    kept.set_access("user", nullptr);
    kept.set_mount_point("site/");
    kept.will = std::make_unique<Will>();
    kept.will->topic = "gone";
    kept.will->delay = Seconds(10);
    shelf.sessions.tell(here, kept);
    const Part part = shelf.close(here);
    REQUIRE(part.sessions.size() == 1);
    const KeptSession& told = part.sessions[0];
    CHECK(told.id == kept.id());
    CHECK(told.client_id == "kept");
    CHECK(told.expiry_seconds == 100);
    CHECK_FALSE(told.gone_at);
    CHECK(told.user == "user");
    CHECK(told.listener == "1884");
    CHECK(told.mount_point == "site/");
    REQUIRE(told.will);
    CHECK(told.will->topic == "gone");
    CHECK(shelf.close(here).empty());

    const WallTime before = ago(Seconds(2));
    shelf.sessions.absent(here, kept, Seconds(0));
    const Part gone = shelf.close(here);
    REQUIRE(gone.sessions.size() == 1);
    REQUIRE(gone.sessions[0].gone_at);
    CHECK(*gone.sessions[0].gone_at > before);
    CHECK(*gone.sessions[0].gone_at <= Clocks::now().wall);
    CHECK(shelf.close(here).empty());
  });
}

TEST_CASE("without a store nothing is told") {
  Shelf shelf;
  Ledger none;
  Sessions sessions{shelf.directory, shelf.table, shelf.subscribers, shelf.rules, none};
  in_turn(shelf, [&](const OnReactor& here) {
    shelf.directory.claim("client", here.id());
    OwnedSession& session = sessions.create(here, "client");
    session.expiry_seconds = 100;
    sessions.tell(here, session);
    CHECK_FALSE(session.kept());
    CHECK(none.part().empty());
  });
}

TEST_CASE("subscriptions are told as they change, in their order; a session's that is kept from now on, all of them") {
  Shelf shelf;
  in_turn(shelf, [&](const OnReactor& here) {
    OwnedSession& session = shelf.begin(here, "client", 0);
    shelf.come(here, session);
    shelf.subscribe(here, session, "a", Qos::at_least_once);
    shelf.subscribe(here, session, "b");
    CHECK(shelf.close(here).empty());
    session.expiry_seconds = 100;
    shelf.sessions.tell(here, session);
    Texts all = changes_of_subscriptions(shelf.close(here));
    std::sort(all.begin(), all.end());
    CHECK(all == Texts{"+a 1", "+b 0"});

    shelf.subscribe(here, session, "a", Qos::exactly_once);
    CHECK(shelf.sessions.unsubscribe(here, session, filter("a")));
    shelf.subscribe(here, session, "$share/group/c", Qos::at_least_once);
    shelf.subscribe(here, session, "a");
    shelf.subscribe(here, session, "$share/group/c");
    CHECK(shelf.sessions.unsubscribe(here, session, filter("$share/group/c")));
    CHECK_FALSE(shelf.sessions.unsubscribe(here, session, filter("none")));
    CHECK(changes_of_subscriptions(shelf.close(here)) ==
          Texts{"+a 2", "-a", "+$share/group/c 1", "+a 0", "+$share/group/c 0", "-$share/group/c"});
    CHECK(shelf.close(here).empty());
  });
}

TEST_CASE("a session that ends takes along what the round would have told of it, and its deliveries' rows") {
  Shelf shelf;
  in_turn(shelf, [&](const OnReactor& here) {
    OwnedSession& ends = shelf.begin(here, "ends", 100);
    OwnedSession& stays = shelf.begin(here, "stays", 100);
    shelf.deliver(here, ends, "old");
    CHECK(payloads_of(shelf.close(here)) == Texts{"old"});
    shelf.subscribe(here, ends, "a");
    shelf.subscribe(here, stays, "b");
    shelf.deliver(here, ends, "new");
    ends.await_release(1);
    const SessionId id = ends.id();
    shelf.sessions.end(here, ends);
    const Part part = shelf.close(here);
    CHECK(part.ended == std::vector{id});
    CHECK(part.sessions.empty());
    CHECK(part.deliveries.empty());
    CHECK(part.receipts.empty());
    CHECK(removed_of(part) == Texts{"old"});
    CHECK(changes_of_subscriptions(part) == Texts{"+b 0"});
    shelf.sessions.clean_up(here);
    CHECK(shelf.close(here).empty());
  });
}

TEST_CASE("a session begins anew for its client: the one before ends, and the store hears of both") {
  Shelf shelf;
  in_turn(shelf, [&](const OnReactor& here) {
    OwnedSession& before = shelf.begin(here, "client", 100);
    const SessionId id = before.id();
    shelf.close(here);
    OwnedSession& after = shelf.sessions.begin_anew(here, before);
    after.expiry_seconds = 100;
    shelf.sessions.tell(here, after);
    const Part part = shelf.close(here);
    CHECK(part.ended == std::vector{id});
    REQUIRE(part.sessions.size() == 1);
    CHECK(part.sessions[0].id == after.id());
    CHECK(part.sessions[0].client_id == "client");
  });
}

TEST_CASE("a session that is to end with its connection is forgotten, and nothing of it is told from then on") {
  Shelf shelf;
  in_turn(shelf, [&](const OnReactor& here) {
    OwnedSession& session = shelf.begin(here, "client", 100);
    shelf.deliver(here, session, "a");
    shelf.close(here);
    session.expiry_seconds = 0;
    shelf.sessions.tell(here, session);
    CHECK_FALSE(session.kept());
    const Part part = shelf.close(here);
    CHECK(part.ended == std::vector{session.id()});
    CHECK(removed_of(part) == Texts{"a"});
    CHECK(session.queued() == 1);
    shelf.subscribe(here, session, "a");
    shelf.deliver(here, session, "b");
    session.await_release(1);
    shelf.sessions.tell(here, session);
    shelf.come(here, session);
    CHECK(session.on_puback(here, 1, here.reactor().turn_buffer(here)) == true);
    CHECK(shelf.close(here).empty());
  });
}

TEST_CASE("deliveries are told with rising rows, their changes by row, and what is over by row too") {
  Shelf shelf;
  in_turn(shelf, [&](const OnReactor& here) {
    OwnedSession& session = shelf.begin(here, "client", 100);
    shelf.come(here, session);
    shelf.subscribe(here, session, "$share/group/t", Qos::at_least_once);
    shelf.sessions.absent(here, session, Seconds(0));
    shelf.deliver(here, session, "a", Qos::at_least_once, shelf.sessions.id_of(filter("$share/group/t")));
    shelf.deliver(here, session, "b");
    const Part first = shelf.close(here);
    REQUIRE(payloads_of(first) == Texts{"a", "b"});
    CHECK(first.deliveries[0].row == 101);  // behind those of the file
    CHECK(first.deliveries[1].row == 102);
    CHECK(first.deliveries[0].session == session.id());
    CHECK(first.deliveries[0].state == DeliveryState{});
    REQUIRE(first.deliveries[0].share);
    CHECK(*first.deliveries[0].share == "$share/group/t");
    CHECK_FALSE(first.deliveries[1].share);

    shelf.come(here, session);
    CHECK(session.on_puback(here, 1, here.reactor().turn_buffer(here)) == true);
    const Part second = shelf.close(here);
    CHECK(second.deliveries.empty());
    CHECK(removed_of(second) == Texts{"a"});
    CHECK(second.removed[0].row == 101);
    REQUIRE(second.changed.size() == 1);
    CHECK(second.changed[0].row == 102);
    CHECK(second.changed[0].state == DeliveryState{Stage::puback, 2});
  });
}

TEST_CASE("a late delivery is told with the round that was closed") {
  Shelf shelf;
  in_turn(shelf, [&](const OnReactor& here) {
    OwnedSession& session = shelf.begin(here, "client", 100);
    shelf.sessions.tell_touched(here);
    shelf.ledger.close();
    shelf.deliver(here, session, "open");
    shelf.ledger.late = true;
    shelf.deliver(here, session, "late");
    shelf.ledger.late = false;
    CHECK(payloads_of(*shelf.ledger.take_closed()) == Texts{"late"});
    CHECK(payloads_of(shelf.close(here)) == Texts{"open"});
  });
}

TEST_CASE("[MQTT-4.3.3-10] receipts are told as what differs from the round before") {
  Shelf shelf;
  in_turn(shelf, [&](const OnReactor& here) {
    OwnedSession& session = shelf.begin(here, "client", 100);
    session.await_release(1);
    session.await_release(2);
    session.await_release(3);
    CHECK(session.release(3));
    CHECK(receipts_of(shelf.close(here)) == Texts{"+1", "+2"});
    CHECK(shelf.close(here).empty());
    CHECK(session.release(2));
    session.await_release(4);
    CHECK(receipts_of(shelf.close(here)) == Texts{"-2", "+4"});
    CHECK(session.release(1));
    CHECK(session.release(4));
    CHECK(receipts_of(shelf.close(here)) == Texts{"-1", "-4"});
  });
}

TEST_CASE("with `durability commit` QoS 2 waits until the round is stored, for kept sessions alone") {
  for (const Promise promise : {Promise::commit, Promise::interval}) {
    CAPTURE(static_cast<int>(promise));
    Shelf shelf(promise);
    in_turn(shelf, [&](const OnReactor& here) {
      OwnedSession& brief = shelf.begin(here, "brief", 0);
      shelf.come(here, brief);
      shelf.deliver(here, brief, "at once", Qos::exactly_once);
      CHECK(shelf.notes.take() == Texts{"2 at once #1"});
      OwnedSession& kept = shelf.begin(here, "kept", 100);
      shelf.come(here, kept);
      shelf.deliver(here, kept, "a", Qos::exactly_once);
      if (promise == Promise::interval) {
        CHECK(shelf.notes.take() == Texts{"2 a #1"});
        return;
      }
      CHECK(shelf.notes.take().empty());
      const Part part = shelf.close(here);
      REQUIRE(part.deliveries.size() == 1);
      CHECK(part.deliveries[0].state == DeliveryState{Stage::pubrec, 1});
      CHECK(shelf.notes.take().empty());
      shelf.sessions.stored(here);
      CHECK(shelf.notes.take() == Texts{"2 a #1"});
      CHECK(kept.on_pubrec(here, 1, ReasonCode::success, here.reactor().turn_buffer(here)) == true);
      CHECK(shelf.notes.take().empty());
      shelf.close(here);
      shelf.sessions.stored(here);
      CHECK(shelf.notes.take() == Texts{"rel #1"});
    });
  }
}

// --- after a restart ---

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
    all.receipts = {3, 4};
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
    CHECK(shelf.notes.take() == Texts{"1 in flight #40 dup", "1 waits #41"});
    CHECK(session.on_puback(here, 40, here.reactor().turn_buffer(here)) == true);
    const Part part = shelf.close(here);
    CHECK(receipts_of(part) == Texts{"-3"});
    CHECK(removed_of(part) == Texts{"in flight"});
    REQUIRE(part.changed.size() == 1);
    CHECK(part.changed[0].row == 12);
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
