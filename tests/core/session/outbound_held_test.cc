// What core/session/outbound.h holds until the store has it.
#include <doctest/doctest.h>
#include <string>
#include <vector>

#include "core/session/outbound.h"
#include "tests/core/session/kept_scene.h"

namespace bramble {
namespace {

using mqtt::Qos;
using mqtt::ReasonCode;
using testing::KeptScene;
using testing::Texts;

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

}  // namespace
}  // namespace bramble
