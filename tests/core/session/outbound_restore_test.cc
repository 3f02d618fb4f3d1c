// What core/session/outbound.h is given back after a restart.
#include <doctest/doctest.h>
#include <string>
#include <vector>

#include "core/session/outbound.h"
#include "tests/core/session/kept_scene.h"

namespace bramble {
namespace {

using mqtt::PacketId;
using mqtt::Qos;
using testing::KeptScene;
using testing::Texts;
using Stage = DeliveryState::Stage;

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
