#include "core/session/doubted_ids.h"

#include <doctest/doctest.h>

#include "tests/core/session/kept_scene.h"

namespace bramble::testing {

using mqtt::PacketId;
using mqtt::Qos;
using Stage = DeliveryState::Stage;

namespace {

/// What a client does with identifiers that it may know: answers each PUBREL.
void answer_releases(KeptScene& scene, Texts& others) {
  for (Texts sent = scene.notes.take(); !sent.empty(); sent = scene.notes.take()) {
    for (const std::string& each : sent) {
      if (!each.starts_with("rel #")) {
        others.push_back(each);
        continue;
      }
      CHECK(scene.out.on_pubcomp(static_cast<PacketId>(std::stoul(each.substr(5)))) == true);
      scene.pump();
    }
  }
}

}  // namespace

TEST_CASE("[MQTT-4.3.3-11] an identifier that the client may remember is released before a message has it") {
  KeptScene scene(false);
  scene.out.doubt_ids();
  scene.connect();
  scene.offer(Qos::at_least_once, "a");
  CHECK(scene.notes.take() == Texts{"1 a #1"});  // at QoS 1 no client remembers one
  CHECK(scene.offer(Qos::exactly_once, "b") == Outbound::Offer::queued);
  CHECK(scene.offer(Qos::at_least_once, "c") == Outbound::Offer::queued);  // in their order
  CHECK(scene.notes.take() == Texts{"rel #2", "rel #3", "rel #4", "rel #5", "rel #6", "rel #7", "rel #8", "rel #9"});
  CHECK(scene.out.on_pubcomp(1) != true);  // it is in flight
  CHECK(scene.out.on_pubcomp(10) == false);
  CHECK(scene.out.on_pubcomp(2) == true);
  scene.pump();
  CHECK(scene.notes.take() == Texts{"2 b #2"});
  CHECK(scene.out.on_pubcomp(3) == true);
  scene.pump();
  CHECK(scene.notes.take() == Texts{"1 c #3"});
  CHECK(scene.out.on_pubcomp(3) != true);
}

TEST_CASE("what was not answered is asked for again on the next connection, and what is in flight never") {
  KeptScene scene(false);
  scene.restore("a", Qos::exactly_once, {Stage::pubrec, 3});
  scene.out.doubt_ids();
  scene.connect();
  scene.offer(Qos::exactly_once, "b");
  CHECK(scene.notes.take() ==
        Texts{"2 a #3 dup", "rel #4", "rel #5", "rel #6", "rel #7", "rel #8", "rel #9", "rel #10", "rel #11"});
  CHECK(scene.out.on_pubcomp(4) == true);
  scene.pump();
  CHECK(scene.notes.take() == Texts{"2 b #4"});
  scene.connect();
  scene.offer(Qos::exactly_once, "c");
  CHECK(scene.notes.take() == Texts{"2 a #3 dup", "2 b #4 dup", "rel #5", "rel #6", "rel #7", "rel #8", "rel #9",
                                    "rel #10", "rel #11", "rel #12"});
}

TEST_CASE("after all identifiers have been released none is in doubt, and they were given in their order") {
  KeptScene scene(false);
  scene.restore("stays", Qos::at_least_once, {Stage::puback, 100});
  scene.out.doubt_ids();
  scene.limits.inflight_messages = 0;
  scene.limits.queued_messages = 0;
  scene.connect();
  scene.notes.take();
  PacketId expected = 100;
  unsigned given = 0;
  while (scene.out.ids_in_doubt() && given < 70'000) {
    scene.offer(Qos::exactly_once, "m");
    Texts sent;
    answer_releases(scene, sent);
    expected = expected == 65'535 ? PacketId{1} : static_cast<PacketId>(expected + 1);
    REQUIRE(sent == Texts{"2 m #" + std::to_string(expected)});
    CHECK(scene.out.on_pubrec(expected, mqtt::ReasonCode::success) == true);
    scene.notes.take();
    CHECK(scene.out.on_pubcomp(expected) == true);
    ++given;
  }
  CHECK_FALSE(scene.out.ids_in_doubt());
  CHECK(given > 65'000);
}

}  // namespace bramble::testing
