// What Sessions tells the store: broker/session/sessions_kept.cc.
#include <algorithm>
#include <doctest/doctest.h>
#include <string>
#include <vector>

#include "tests/broker/session/shelf.h"

namespace bramble::testing {

using mqtt::Qos;
using mqtt::ReasonCode;
using Stage = DeliveryState::Stage;

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

    const SteadyTime before = ago(Seconds(2));
    shelf.sessions.absent(here, kept, Seconds(0));
    const Part gone = shelf.close(here);
    REQUIRE(gone.sessions.size() == 1);
    REQUIRE(gone.sessions[0].gone_at);
    CHECK(*gone.sessions[0].gone_at > before);
    CHECK(*gone.sessions[0].gone_at <= std::chrono::steady_clock::now());
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
    ends.await_release(qos2(1));
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
    session.await_release(qos2(1));
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
    session.await_release(qos2(1));
    session.await_release(qos2(2));
    session.await_release(qos2(3));
    CHECK(session.release(3));
    CHECK(receipts_of(shelf.close(here)) == Texts{"+1", "+2"});
    CHECK(shelf.close(here).empty());
    CHECK(session.release(2));
    session.await_release(qos2(4));
    CHECK(receipts_of(shelf.close(here)) == Texts{"-2", "+4"});
    CHECK(session.release(1));
    CHECK(session.release(4));
    CHECK(receipts_of(shelf.close(here)) == Texts{"-1", "-4"});
  });
}

TEST_CASE("a receipt is told anew when another message has its identifier") {
  Shelf shelf;
  in_turn(shelf, [&](const OnReactor& here) {
    OwnedSession& session = shelf.begin(here, "client", 100);
    session.await_release(qos2(1, "first"));
    CHECK(receipts_of(shelf.close(here)) == Texts{"+1"});
    CHECK(session.release(1));
    session.await_release(qos2(1, "second"));
    const Part part = shelf.close(here);
    CHECK(receipts_of(part) == Texts{"+1"});
    CHECK(part.receipts[0].receipt.mark == message_mark("t", "second"));
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
      shelf.sessions.stored(here, shelf.ledger.round() - 1);
      CHECK(shelf.notes.take() == Texts{"2 a #1"});
      CHECK(kept.on_pubrec(here, 1, ReasonCode::success, here.reactor().turn_buffer(here)) == true);
      CHECK(shelf.notes.take().empty());
      shelf.close(here);
      shelf.sessions.stored(here, shelf.ledger.round() - 1);
      CHECK(shelf.notes.take() == Texts{"rel #1"});
    });
  }
}

TEST_CASE("with `commit` a session that has ended may come back until its end is stored") {
  Shelf shelf;
  in_turn(shelf, [&](const OnReactor& here) {
    shelf.sessions.end(here, shelf.begin(here, "brief", 0));
    CHECK_FALSE(shelf.sessions.may_come_back("brief"));
    CHECK_FALSE(shelf.directory.knows("brief"));

    OwnedSession& anew = shelf.sessions.begin_anew(here, shelf.begin(here, "client", 100));
    CHECK(shelf.sessions.may_come_back("client"));
    shelf.sessions.end(here, anew);
    CHECK(shelf.directory.knows("client"));  // whoever comes with it comes here
    CHECK(shelf.sessions.find("client") == nullptr);
    shelf.close(here);
    CHECK(shelf.sessions.may_come_back("client"));
    OwnedSession& again = shelf.begin(here, "client", 100);
    again.expiry_seconds = 0;
    shelf.sessions.tell(here, again);  // a DISCONNECT says so
    shelf.sessions.end(here, again);
    shelf.sessions.stored(here, shelf.ledger.round() - 1);
    CHECK(shelf.sessions.may_come_back("client"));  // the second one
    shelf.close(here);
    shelf.sessions.stored(here, shelf.ledger.round() - 1);
    CHECK_FALSE(shelf.sessions.may_come_back("client"));
    CHECK_FALSE(shelf.directory.knows("client"));
  });
}

TEST_CASE("of a retained replay the store knows how far it is, and nothing if it is over within a round") {
  Shelf shelf;
  const auto froms = [](const Part& part) {
    std::vector<std::optional<std::uint32_t>> all;
    for (const auto& each : part.subscriptions) all.push_back(each.subscription.replay_from);
    return all;
  };
  using Froms = std::vector<std::optional<std::uint32_t>>;
  in_turn(shelf, [&](const OnReactor& here) {
    OwnedSession& session = shelf.begin(here, "client", 100);
    shelf.subscribe(here, session, "r/#");
    Filter& wanted = *shelf.table.find(filter("r/#"));
    Subscriber subscriber;
    subscriber.recipient = &session;
    shelf.sessions.replay(session, wanted, subscriber);
    session.replays.erase(wanted.id());
    CHECK(froms(shelf.close(here)) == Froms{std::nullopt});

    shelf.sessions.replay(session, wanted, subscriber);
    CHECK(froms(shelf.close(here)) == Froms{0});
    shelf.sessions.replayed(session);
    CHECK(froms(shelf.close(here)).empty());
    session.replays.first().second.from = 7;
    shelf.sessions.replayed(session);
    CHECK(froms(shelf.close(here)) == Froms{7});
    session.replays.erase(wanted.id());
    shelf.sessions.replayed(session);
    CHECK(froms(shelf.close(here)) == Froms{std::nullopt});
    shelf.sessions.replayed(session);
    CHECK(froms(shelf.close(here)).empty());
  });
}

TEST_CASE("receipts of a long round are told once each, however many messages there were") {
  KeptReceipts receipts;
  for (int i = 0; i < 100'000; ++i) {
    receipts.note(1, 5);
    receipts.note(1, 0);
    receipts.note(2, 6);
  }
  Texts told;
  receipts.tell([](mqtt::PacketId id) { return id == 2; },
                [&](mqtt::PacketId id, std::uint64_t mark, bool released) {
                  told.push_back(std::to_string(id) + " " + std::to_string(mark) + (released ? " released" : ""));
                });
  CHECK(told == Texts{"2 6"});
}

}  // namespace bramble::testing
