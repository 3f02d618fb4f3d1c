// What core/session/outbound.h has for the store.
#include <doctest/doctest.h>
#include <string>
#include <vector>

#include "core/session/outbound.h"
#include "tests/core/session/outbound_scene.h"

namespace bramble {
namespace {

using mqtt::PacketId;
using mqtt::Qos;
using mqtt::ReasonCode;
using testing::Texts;
using Stage = DeliveryState::Stage;

/// A session that is kept: what is told is noted as "a row 1 puback #1", and rows are given from 1 on.
struct KeptScene : testing::Scene {
  using Scene::Scene;

  auto noting(Texts& told) {
    return [this, &told](Delivery& delivery, DeliveryState state) {
      static constexpr const char* kStages[] = {"queued", "puback", "pubrec", "pubcomp"};
      const bool is_new = delivery.row == 0;
      if (is_new) delivery.row = ++last_row;
      std::string note(delivery.message->payload());
      note += (is_new ? " new row " : " row ") + std::to_string(delivery.row);
      note += std::string(" ") + kStages[static_cast<int>(state.stage)];
      if (state.packet_id != 0) note += " #" + std::to_string(state.packet_id);
      told.push_back(note);
    };
  }
  Texts tell() {
    Texts told;
    out.tell_changes(noting(told));
    return told;
  }
  Texts tell_late() {
    Texts told;
    out.tell_late(noting(told));
    return told;
  }
  /// A round: told, and then on the disk.
  void store() {
    tell();
    out.stored(clock.now(), buffer);
  }
  /// "a row 1" for each.
  Texts gone() {
    Texts all;
    for (const auto& each : out.take_gone()) {
      all.push_back(std::string(each.message->payload()) + " row " + std::to_string(each.row));
    }
    return all;
  }
  Outbound::Offer offer_late(Qos qos, const std::string& payload) {
    const ApplicationMessage::Facts facts{qos, false, mqtt::kNoExpiry, clock.now(), {}};
    Publication publication({"topic", {}, payload}, facts, clock.now(), buffer);
    Delivery delivery;
    delivery.message = publication.local();
    delivery.qos = qos;
    delivery.late = true;
    return out.offer(publication, std::move(delivery), limits);
  }
  void restore(const std::string& payload, Qos qos, DeliveryState state, std::uint32_t expiry = mqtt::kNoExpiry) {
    const ApplicationMessage::Facts facts{qos, false, expiry, clock.now(), {}};
    Delivery delivery;
    delivery.message = LocalMessage(MessagePtr::make({"topic", {}, payload}, facts));
    delivery.row = ++last_row;
    delivery.qos = qos;
    out.restore(std::move(delivery), state);
  }

  std::uint64_t last_row = 0;
};

// --- telling ---

TEST_CASE("each delivery is told once, and again when its state is another; its row is given once") {
  KeptScene scene(false);
  scene.connect(2);
  scene.offer(Qos::at_least_once, "a");
  scene.offer(Qos::exactly_once, "b");
  scene.offer_all("cd");
  CHECK(scene.tell() ==
        Texts{"a new row 1 puback #1", "b new row 2 pubrec #2", "c new row 3 queued", "d new row 4 queued"});
  CHECK(scene.tell().empty());
  scene.puback(1);  // c is sent
  CHECK(scene.tell() == Texts{"c row 3 puback #3"});
  CHECK(scene.out.on_pubrec(2, ReasonCode::success) == true);
  CHECK(scene.tell() == Texts{"b row 2 pubcomp #2"});
  scene.offer_all("e");
  CHECK(scene.tell() == Texts{"e new row 5 queued"});
  CHECK(scene.tell().empty());
}

TEST_CASE("of the queue only what is new is told, whatever has left it meanwhile") {
  KeptScene scene(false);
  scene.offer(Qos::at_least_once, "a", {}, 10);
  scene.offer(Qos::at_least_once, "b");
  scene.offer(Qos::at_least_once, "c", {}, 10);
  CHECK(scene.tell().size() == 3);
  scene.offer(Qos::at_least_once, "d", {}, 10);
  scene.offer(Qos::at_least_once, "e");
  scene.limits.queued_messages = 5;
  scene.clock.advance(Seconds(10));
  scene.offer(Qos::at_least_once, "f");
  CHECK(scene.gone() == Texts{"a row 1", "c row 3"});  // nobody has heard of d
  CHECK(scene.tell() == Texts{"e new row 4 queued", "f new row 5 queued"});
  scene.connect(1);
  CHECK(scene.tell() == Texts{"b row 2 puback #1"});
  scene.offer_all("g");
  CHECK(scene.tell() == Texts{"g new row 6 queued"});
}

TEST_CASE("what was done with before it was told of is never told") {
  KeptScene scene;
  scene.offer_all("a");
  scene.puback(1);
  CHECK(scene.tell().empty());
  CHECK_FALSE(scene.out.has_gone());
}

TEST_CASE("being sent again changes nothing that the store should hear of") {
  KeptScene scene;
  scene.offer_all("a");
  scene.tell();
  scene.out.disconnected();
  scene.connect();
  CHECK(scene.notes.take() == Texts{"1 a #1", "1 a #1 dup"});
  CHECK(scene.tell().empty());
}

TEST_CASE("a late delivery is told on its own, sent or queued, and not again with the round that is open") {
  KeptScene scene(false);
  scene.connect(2);
  scene.offer_all("a");
  CHECK(scene.offer_late(Qos::at_least_once, "b") == Outbound::Offer::sent);
  CHECK(scene.tell_late() == Texts{"b new row 1 puback #2"});
  CHECK(scene.tell_late().empty());
  scene.offer_all("c");
  CHECK(scene.offer_late(Qos::at_least_once, "d") == Outbound::Offer::queued);
  CHECK(scene.tell_late() == Texts{"d new row 2 queued"});
  CHECK(scene.tell() == Texts{"a new row 3 puback #1", "c new row 4 queued"});
  scene.puback(1);
  scene.puback(2);
  CHECK(scene.tell() == Texts{"c row 4 puback #3", "d row 2 puback #4"});
}

TEST_CASE("a late delivery that is not kept, or done with at once, is not told") {
  KeptScene scene;
  scene.notes.size_max = 3;
  scene.offer_late(Qos::at_least_once, "large");
  CHECK(scene.tell_late().empty());
  scene.out.disconnected();
  scene.limits.queued_messages = 1;
  scene.offer_all("a");
  CHECK(scene.offer_late(Qos::at_least_once, "b") == Outbound::Offer::full);
  CHECK(scene.tell_late().empty());
}

// --- what is over ---

TEST_CASE("the row of a delivery goes with its acknowledgement, at QoS 2 the last one") {
  KeptScene scene;
  scene.offer(Qos::at_least_once, "a");
  scene.offer(Qos::exactly_once, "b");
  scene.offer(Qos::exactly_once, "c");
  scene.tell();
  CHECK_FALSE(scene.out.has_gone());
  scene.puback(1);
  CHECK(scene.out.has_gone());
  CHECK(scene.gone() == Texts{"a row 1"});
  CHECK_FALSE(scene.out.has_gone());
  CHECK(scene.out.on_pubrec(2, ReasonCode::success) == true);
  CHECK(scene.gone().empty());
  CHECK(scene.out.on_pubcomp(2) == true);
  CHECK(scene.out.on_pubrec(3, ReasonCode::quota_exceeded) == true);
  CHECK(scene.gone() == Texts{"b row 2", "c row 3"});
}

TEST_CASE("the row of a message that expires goes, in the queue and when it would be sent again") {
  KeptScene scene(false);
  scene.connect(1);
  scene.offer(Qos::at_least_once, "a", {}, 10);
  scene.offer(Qos::at_least_once, "b", {}, 10);
  scene.offer(Qos::at_least_once, "c");
  scene.tell();
  scene.out.disconnected();
  scene.clock.advance(Seconds(11));
  scene.connect(1);
  CHECK(scene.gone() == Texts{"a row 1", "b row 2"});
  CHECK(scene.tell() == Texts{"c row 3 puback #2"});
}

TEST_CASE("the row of what is too large for the client goes, from the queue and when it is sent again") {
  KeptScene scene(false);
  scene.offer_all("a");
  scene.offer(Qos::at_least_once, "large");
  scene.offer(Qos::at_most_once, "LARGE");
  scene.tell();
  scene.notes.size_max = 3;
  scene.connect();
  CHECK(scene.gone() == Texts{"large row 2", "LARGE row 3"});
  scene.out.disconnected();
  scene.notes.size_max = 0;
  scene.connect();
  CHECK(scene.gone() == Texts{"a row 1"});
}

TEST_CASE("the row of what the client may not have any more goes, and what another member gets has none") {
  KeptScene scene(false);
  scene.connect(2);
  for (int i = 0; i < 3; ++i) scene.offer(Qos::at_least_once, "no", FilterId{7});
  scene.offer(Qos::at_least_once, "no");
  scene.tell();
  scene.notes.denied = "no";
  scene.out.rights_changed();
  scene.out.disconnected();
  scene.connect();
  CHECK(scene.gone() == Texts{"no row 1", "no row 2", "no row 3", "no row 4"});
  const auto denied = scene.out.take_denied();
  REQUIRE(denied.size() == 3);
  for (const Delivery& each : denied) CHECK(each.row == 0);
}

TEST_CASE("the row of a queued QoS 0 message goes when it is sent") {
  KeptScene scene(false);
  scene.offer(Qos::at_most_once, "a");
  CHECK(scene.tell() == Texts{"a new row 1 queued"});
  scene.connect();
  CHECK(scene.notes.take() == Texts{"0 a"});
  CHECK(scene.gone() == Texts{"a row 1"});
}

TEST_CASE("forget_rows gives up all rows; told again, everything gets others") {
  KeptScene scene(false);
  scene.connect(1);
  scene.offer_all("abc");
  scene.tell();
  scene.offer_all("d");
  scene.out.forget_rows();
  CHECK(scene.gone() == Texts{"a row 1", "b row 2", "c row 3"});
  CHECK(scene.tell() ==
        Texts{"a new row 4 puback #1", "b new row 5 queued", "c new row 6 queued", "d new row 7 queued"});
  scene.out.forget_rows();
  scene.gone();
  scene.puback(1);
  CHECK_FALSE(scene.out.has_gone());
}

// --- what waits for the store ---

TEST_CASE("a QoS 2 PUBLISH is sent when its identifier is on the disk, and its PUBREL when PUBREC is") {
  KeptScene scene;
  scene.out.hold_until_stored(true);
  scene.offer(Qos::exactly_once, "a");
  CHECK(scene.notes.take().empty());
  CHECK(scene.out.holds_untold());
  scene.out.stored(scene.clock.now(), scene.buffer);  // the round before
  CHECK(scene.notes.take().empty());
  CHECK(scene.tell() == Texts{"a new row 1 pubrec #1"});
  CHECK_FALSE(scene.out.holds_untold());
  CHECK(scene.notes.take().empty());
  scene.out.stored(scene.clock.now(), scene.buffer);
  CHECK(scene.notes.take() == Texts{"2 a #1"});

  CHECK(scene.out.on_pubrec(1, ReasonCode::success) == true);
  CHECK(scene.out.holds_untold());
  scene.out.stored(scene.clock.now(), scene.buffer);
  CHECK(scene.notes.take().empty());
  CHECK(scene.tell() == Texts{"a row 1 pubcomp #1"});
  scene.out.stored(scene.clock.now(), scene.buffer);
  CHECK(scene.notes.take() == Texts{"rel #1"});
  scene.store();
  CHECK(scene.notes.take().empty());
}

TEST_CASE("QoS 1 goes at once, but not past a QoS 2 PUBLISH that waits: messages keep their order") {
  KeptScene scene;
  scene.out.hold_until_stored(true);
  scene.offer(Qos::at_least_once, "a");
  scene.offer(Qos::exactly_once, "b");
  scene.offer(Qos::at_least_once, "c");
  CHECK(scene.notes.take() == Texts{"1 a #1"});
  scene.tell();
  scene.offer(Qos::at_least_once, "d");  // of the next round
  scene.offer(Qos::exactly_once, "e");
  scene.out.stored(scene.clock.now(), scene.buffer);
  CHECK(scene.notes.take() == Texts{"2 b #2", "1 c #3"});
  scene.store();
  CHECK(scene.notes.take() == Texts{"1 d #4", "2 e #5"});
  scene.offer(Qos::at_least_once, "f");
  CHECK(scene.notes.take() == Texts{"1 f #6"});
}

TEST_CASE("what is behind a PUBLISH that was not told yet waits for it, though it is stored itself") {
  KeptScene scene;
  scene.out.hold_until_stored(true);
  scene.offer(Qos::exactly_once, "a");
  scene.offer_late(Qos::exactly_once, "b");
  scene.tell_late();
  scene.out.stored(scene.clock.now(), scene.buffer);
  CHECK(scene.notes.take().empty());
  scene.store();
  CHECK(scene.notes.take() == Texts{"2 a #1", "2 b #2"});
}

TEST_CASE("[MQTT-3.3.4-7] Receive Maximum counts what waits for the store") {
  KeptScene scene(false);
  scene.out.hold_until_stored(true);
  scene.connect(2);
  scene.offer_all("abc", Qos::exactly_once);
  CHECK(scene.out.in_flight() == 2);
  scene.store();
  scene.pump();
  CHECK(scene.notes.take() == Texts{"2 a #1", "2 b #2"});
  CHECK(scene.out.queued() == 1);
  CHECK(scene.out.on_pubrec(1, ReasonCode::success) == true);
  scene.store();
  scene.pump();
  CHECK(scene.notes.take() == Texts{"rel #1"});
  CHECK(scene.out.on_pubcomp(1) == true);
  scene.pump();
  CHECK(scene.out.in_flight() == 2);
  scene.store();
  CHECK(scene.notes.take() == Texts{"2 c #3"});
}

TEST_CASE("a refusing PUBREC, or one that is too large, ends what was held and lets QoS 1 go again") {
  KeptScene scene;
  scene.out.hold_until_stored(true);
  scene.notes.size_max = 3;
  scene.offer(Qos::exactly_once, "large");
  scene.offer(Qos::exactly_once, "b");
  scene.store();
  CHECK(scene.notes.take() == Texts{"2 b #2"});
  CHECK(scene.gone() == Texts{"large row 1"});
  CHECK(scene.out.on_pubrec(2, ReasonCode::quota_exceeded) == true);
  scene.offer(Qos::at_least_once, "c");
  CHECK(scene.notes.take() == Texts{"1 c #3"});
}

TEST_CASE("a client that goes and returns gets what waited for the store once, without DUP, after what was sent") {
  KeptScene scene;
  scene.out.hold_until_stored(true);
  scene.offer(Qos::exactly_once, "a");
  scene.store();
  scene.offer(Qos::exactly_once, "b");
  scene.offer(Qos::at_least_once, "c");
  CHECK(scene.notes.take() == Texts{"2 a #1"});
  scene.out.disconnected();
  SUBCASE("stored after it is back") {
    scene.connect();
    CHECK(scene.notes.take() == Texts{"2 a #1 dup"});
    scene.store();
    CHECK(scene.notes.take() == Texts{"2 b #2", "1 c #3"});
  }
  SUBCASE("stored while it was away") {
    scene.store();
    CHECK(scene.notes.take().empty());
    scene.connect();
    CHECK(scene.notes.take() == Texts{"2 a #1 dup", "2 b #2", "1 c #3"});
  }
  SUBCASE("told before it went, stored after it is back with a Receive Maximum of 1") {
    scene.tell();
    scene.connect(1);
    CHECK(scene.notes.take() == Texts{"2 a #1 dup"});
    scene.out.stored(scene.clock.now(), scene.buffer);
    CHECK(scene.notes.take().empty());
    CHECK(scene.out.on_pubrec(1, ReasonCode::quota_exceeded) == true);
    scene.pump();
    CHECK(scene.notes.take() == Texts{"2 b #2"});
  }
  scene.store();
  scene.pump();
  CHECK(scene.notes.take().empty());
}

TEST_CASE("a PUBREL that waits is sent once to a client that goes and returns") {
  for (const bool stored_before : {false, true}) {
    CAPTURE(stored_before);
    KeptScene scene;
    scene.out.hold_until_stored(true);
    scene.offer(Qos::exactly_once, "a");
    scene.store();
    CHECK(scene.out.on_pubrec(1, ReasonCode::success) == true);
    scene.out.disconnected();
    scene.notes.take();
    if (stored_before) scene.store();
    scene.connect();
    if (!stored_before) CHECK(scene.notes.take().empty());
    scene.store();
    CHECK(scene.notes.take() == Texts{"rel #1"});
  }
}

TEST_CASE("[MQTT-4.9.0-3] a PUBREL that waits for the store needs no place under Receive Maximum") {
  KeptScene scene;
  scene.out.hold_until_stored(true);
  scene.offer_all("abc", Qos::exactly_once);
  scene.store();
  CHECK(scene.out.on_pubrec(2, ReasonCode::success) == true);
  scene.out.disconnected();
  scene.notes.take();
  scene.connect(1);
  CHECK(scene.notes.take() == Texts{"2 a #1 dup"});
  scene.store();
  CHECK(scene.notes.take() == Texts{"rel #2"});
}

TEST_CASE("what waited for the store and may not be sent any more, or has expired, is dropped, and its row goes") {
  KeptScene scene;
  scene.out.hold_until_stored(true);
  scene.offer(Qos::exactly_once, "a");
  scene.offer(Qos::exactly_once, "no");
  scene.offer(Qos::at_least_once, "no", FilterId{7});
  scene.offer(Qos::at_least_once, "late", {}, 10);
  scene.tell();
  scene.notes.denied = "no";
  scene.out.rights_changed();
  scene.clock.advance(Seconds(10));
  scene.out.stored(scene.clock.now(), scene.buffer);
  CHECK(scene.notes.take() == Texts{"2 a #1"});
  CHECK(scene.gone() == Texts{"no row 2", "no row 3", "late row 4"});
  CHECK(scene.out.expired() == 1);
  CHECK(scene.out.take_denied().size() == 1);
  scene.offer(Qos::at_least_once, "b");
  CHECK(scene.notes.take() == Texts{"1 b #5"});
}

TEST_CASE("[MQTT-4.8.2-5] a QoS 2 message that waited for the store and was never sent may go to another member") {
  KeptScene scene;
  scene.out.hold_until_stored(true);
  scene.offer(Qos::exactly_once, "sent", FilterId{7});
  scene.store();
  scene.offer(Qos::exactly_once, "held", FilterId{7});
  scene.out.disconnected();
  Texts shared;
  for (const Delivery& delivery : scene.out.take_shared()) shared.emplace_back(delivery.message->payload());
  CHECK(shared == Texts{"held"});
}

TEST_CASE("once nothing is held any more, what was goes when its client comes, and nothing waits from then on") {
  KeptScene scene;
  scene.out.hold_until_stored(true);
  scene.offer(Qos::exactly_once, "a");
  scene.offer(Qos::at_least_once, "b");
  scene.out.disconnected();
  scene.out.hold_until_stored(false);
  CHECK(scene.notes.take().empty());
  scene.connect();
  CHECK(scene.notes.take() == Texts{"2 a #1", "1 b #2"});
  scene.offer(Qos::exactly_once, "c");
  CHECK(scene.notes.take() == Texts{"2 c #3"});
  CHECK(scene.out.on_pubrec(1, ReasonCode::success) == true);
  CHECK(scene.notes.take() == Texts{"rel #1"});
}

// --- after a restart ---

TEST_CASE("[MQTT-4.4.0-1] what is restored goes as it would have: in flight first, marked DUP, then what waited") {
  KeptScene scene(false);
  scene.restore("a", Qos::at_least_once, {Stage::puback, 7});
  scene.restore("b", Qos::exactly_once, {Stage::pubcomp, 8});
  scene.restore("c", Qos::exactly_once, {Stage::pubrec, 9});
  scene.restore("d", Qos::at_least_once, {});
  scene.restore("e", Qos::at_most_once, {});
  CHECK(scene.out.in_flight() == 3);
  CHECK(scene.out.queued() == 2);
  CHECK(scene.out.bytes() == 5);
  CHECK(scene.tell().empty());  // the store told it
  scene.connect();
  CHECK(scene.notes.take() == Texts{"1 a #7 dup", "rel #8", "2 c #9 dup", "1 d #10", "0 e"});
  CHECK(scene.tell() == Texts{"d row 4 puback #10"});
  CHECK(scene.gone() == Texts{"e row 5"});
  scene.puback(7);
  CHECK(scene.out.on_pubcomp(8) == true);
  CHECK(scene.gone() == Texts{"a row 1", "b row 2"});
}

TEST_CASE("what is restored is not held: its identifier is on the disk") {
  KeptScene scene(false);
  scene.restore("a", Qos::exactly_once, {Stage::pubrec, 1});
  scene.restore("b", Qos::exactly_once, {Stage::pubcomp, 2});
  scene.restore("c", Qos::exactly_once, {});
  scene.out.hold_until_stored(true);
  scene.connect();
  CHECK(scene.notes.take() == Texts{"2 a #1 dup", "rel #2"});
  scene.store();
  CHECK(scene.notes.take() == Texts{"2 c #3"});
}

TEST_CASE("of two that are restored with one identifier the first keeps it, and the row of the other goes") {
  KeptScene scene(false);
  scene.restore("a", Qos::at_least_once, {Stage::puback, 5});
  scene.restore("b", Qos::exactly_once, {Stage::pubrec, 5});
  CHECK(scene.gone() == Texts{"b row 2"});
  CHECK(scene.out.bytes() == 1);
  scene.connect();
  CHECK(scene.notes.take() == Texts{"1 a #5 dup"});
}

TEST_CASE("[MQTT-2.2.1-4] identifiers that are in flight since before the restart are not given again") {
  KeptScene scene(false);
  scene.restore("a", Qos::at_least_once, {Stage::puback, 3});
  scene.restore("b", Qos::at_least_once, {Stage::puback, 1});  // the order of their rows
  scene.restore("c", Qos::at_least_once, {Stage::puback, 65'535});
  scene.connect();
  scene.notes.take();
  scene.offer_all("def");
  CHECK(scene.notes.take() == Texts{"1 d #2", "1 e #4", "1 f #5"});
  for (const unsigned id : {1u, 2u, 3u, 4u, 5u, 65'535u}) scene.puback(static_cast<PacketId>(id));
  CHECK(scene.out.in_flight() == 0);
}

TEST_CASE("begin_ids_after: identifiers begin behind what clients may remember, past what is in flight") {
  KeptScene scene(false);
  scene.restore("a", Qos::at_least_once, {Stage::puback, 101});
  scene.out.begin_ids_after(100);
  scene.connect();
  scene.offer_all("bc");
  CHECK(scene.notes.take() == Texts{"1 a #101 dup", "1 b #102", "1 c #103"});
  KeptScene empty;
  empty.out.begin_ids_after(65'535);
  empty.offer_all("a");
  CHECK(empty.notes.take() == Texts{"1 a #1"});
}

TEST_CASE("what expired while the broker was away is not sent, and its row goes; it takes nobody's place") {
  KeptScene scene(false);
  scene.restore("a", Qos::at_least_once, {Stage::puback, 1}, 10);
  scene.restore("b", Qos::exactly_once, {Stage::pubrec, 2}, 10);
  scene.restore("c", Qos::at_least_once, {}, 10);
  scene.restore("d", Qos::at_least_once, {});
  scene.clock.advance(Seconds(10));
  scene.limits.queued_messages = 2;
  CHECK(scene.offer(Qos::at_least_once, "e") == Outbound::Offer::queued);
  CHECK(scene.gone() == Texts{"c row 3"});
  CHECK(scene.tell() == Texts{"e new row 5 queued"});
  scene.connect();
  CHECK(scene.notes.take() == Texts{"2 b #2 dup", "1 d #3", "1 e #4"});
  CHECK(scene.gone() == Texts{"a row 1"});
}

}  // namespace
}  // namespace bramble
