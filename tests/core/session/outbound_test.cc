#include "core/session/outbound.h"

#include <chrono>
#include <doctest/doctest.h>
#include <string>
#include <vector>

#include "tests/core/session/outbound_scene.h"

namespace bramble {
namespace {

using mqtt::PacketId;
using mqtt::Qos;
using mqtt::ReasonCode;
using testing::Scene;
using testing::Texts;

TEST_CASE("[MQTT-3.3.4-7] no more than Receive Maximum are sent before acknowledgements; the rest waits its turn") {
  Scene scene(false);
  scene.connect(2);
  scene.offer_all("abcd");
  CHECK(scene.notes.take() == Texts{"1 a #1", "1 b #2"});
  CHECK(scene.out.in_flight() == 2);
  CHECK(scene.out.queued() == 2);
  scene.puback(2);
  CHECK(scene.notes.take() == Texts{"1 c #3"});
  scene.puback(1);
  CHECK(scene.notes.take() == Texts{"1 d #4"});
  CHECK(scene.out.queued() == 0);
}

TEST_CASE("[MQTT-4.9.0-2] a QoS 2 message counts until its PUBCOMP, and a PUBREL needs no room") {
  Scene scene(false);
  scene.connect(1);
  scene.offer_all("ab", Qos::exactly_once);
  CHECK(scene.out.on_pubrec(1, ReasonCode::success) == true);
  scene.pump();
  CHECK(scene.notes.take() == Texts{"2 a #1", "rel #1"});
  CHECK(scene.out.on_pubcomp(1) == true);
  scene.pump();
  CHECK(scene.notes.take() == Texts{"2 b #2"});
}

TEST_CASE("a PUBREC that refuses ends the exchange and makes room") {
  Scene scene(false);
  scene.connect(1);
  scene.offer_all("ab", Qos::exactly_once);
  CHECK(scene.out.on_pubrec(1, ReasonCode::quota_exceeded) == true);
  scene.pump();
  CHECK(scene.notes.take() == Texts{"2 a #1", "2 b #2"});
  CHECK(scene.out.on_pubcomp(1) == false);
}

TEST_CASE("max_inflight_messages and max_inflight_bytes hold back what comes later, but one message always goes") {
  Scene scene;
  scene.limits.inflight_messages = 2;
  scene.offer_all("abc");
  CHECK(scene.notes.take().size() == 2);
  Scene bytes;
  bytes.limits.inflight_bytes = 10;
  bytes.offer(Qos::at_least_once, std::string(50, 'x'));
  bytes.offer(Qos::at_least_once, "y");
  CHECK(bytes.notes.take().size() == 1);
  CHECK(bytes.out.bytes() == 51);
  bytes.puback(1);
  CHECK(bytes.notes.take() == Texts{"1 y #2"});
}

TEST_CASE("a full queue refuses, by messages and by bytes, and nothing of what it refused is kept") {
  Scene scene(false);
  scene.limits.queued_messages = 2;
  CHECK(scene.offer(Qos::at_least_once, "a") == Outbound::Offer::queued);
  CHECK(scene.offer(Qos::at_least_once, "b") == Outbound::Offer::queued);
  CHECK(scene.offer(Qos::at_least_once, "c") == Outbound::Offer::full);
  CHECK_FALSE(scene.out.queue_open(1, scene.limits, scene.clock.now()));
  Scene bytes(false);
  bytes.limits.queued_bytes = 5;
  CHECK(bytes.offer(Qos::at_least_once, "12345") == Outbound::Offer::queued);
  CHECK(bytes.offer(Qos::at_least_once, "6") == Outbound::Offer::full);
  CHECK(bytes.out.bytes() == 5);
}

TEST_CASE("while the output has no room messages wait, and go in their order when it has") {
  Scene scene;
  scene.notes.room = false;
  scene.offer_all("abc");
  CHECK(scene.notes.take().empty());
  scene.notes.room = true;
  scene.pump();
  CHECK(scene.notes.take() == Texts{"1 a #1", "1 b #2", "1 c #3"});
}

TEST_CASE(
    "after a change of rights what waits, or was in flight, is asked for before it goes; what came later is not") {
  Scene scene(false);
  scene.connect(2);
  scene.offer_all("xaxb");
  CHECK(scene.notes.take() == Texts{"1 x #1", "1 a #2"});
  scene.notes.denied = "x";
  scene.out.rights_changed();
  scene.out.disconnected();
  scene.connect(2);
  CHECK(scene.notes.take() == Texts{"1 a #2 dup", "1 b #3"});
  CHECK(scene.out.bytes() == 2);
  scene.puback(2);
  scene.offer_all("x");  // its deliverer has asked already
  CHECK(scene.notes.take() == Texts{"1 x #4"});
}

TEST_CASE("[MQTT-4.4.0-1] [MQTT-4.6.0-1] at reconnect what was in flight goes first, in its order, marked DUP") {
  Scene scene;
  scene.limits.inflight_messages = 4;
  scene.offer(Qos::at_least_once, "a");
  scene.offer(Qos::exactly_once, "b");
  scene.offer(Qos::exactly_once, "c");
  scene.offer(Qos::at_least_once, "d");
  scene.offer_all("ef");
  CHECK(scene.out.on_pubrec(2, ReasonCode::success) == true);
  scene.out.disconnected();
  scene.offer_all("g");
  scene.notes.take();
  scene.connect();
  CHECK(scene.notes.take() == Texts{"1 a #1 dup", "rel #2", "2 c #3 dup", "1 d #4 dup"});
  scene.puback(1);
  CHECK(scene.notes.take() == Texts{"1 e #5"});
}

TEST_CASE("at reconnect a smaller Receive Maximum holds for what is sent again, and nothing new overtakes it") {
  Scene scene;
  scene.offer_all("abcd");
  scene.out.disconnected();
  scene.offer_all("e");
  scene.notes.take();
  scene.connect(2);
  CHECK(scene.notes.take() == Texts{"1 a #1 dup", "1 b #2 dup"});
  scene.offer_all("f");
  CHECK(scene.notes.take().empty());
  for (PacketId id = 1; id <= 4; ++id) scene.puback(id);
  CHECK(scene.notes.take() == Texts{"1 c #3 dup", "1 d #4 dup", "1 e #5", "1 f #6"});
}

TEST_CASE("an acknowledgement from the connection before for what is not sent again yet completes it") {
  Scene scene;
  scene.offer_all("abc");
  scene.out.disconnected();
  scene.notes.take();
  scene.connect(1);
  scene.puback(3);
  CHECK(scene.notes.take() == Texts{"1 a #1 dup"});
  scene.puback(1);
  CHECK(scene.notes.take() == Texts{"1 b #2 dup"});
  CHECK(scene.out.in_flight() == 1);
}

TEST_CASE("[MQTT-3.3.2-5] what expires in the queue is not sent; QoS 1 that expired is not sent again; QoS 2 is") {
  Scene scene;
  scene.limits.inflight_messages = 2;
  scene.offer(Qos::at_least_once, "a", {}, 10);
  scene.offer(Qos::exactly_once, "b", {}, 10);
  scene.offer(Qos::at_least_once, "c", {}, 10);
  scene.offer(Qos::at_least_once, "d", {}, 100);
  scene.out.disconnected();
  scene.notes.take();
  scene.clock.advance(Seconds(11));
  scene.connect();
  CHECK(scene.notes.take() == Texts{"2 b #2 dup", "1 d #3"});
  CHECK(scene.out.expired() == 2);
  CHECK(scene.out.in_flight() == 2);
  CHECK(scene.out.bytes() == 2);
}

TEST_CASE("[MQTT-3.3.2-5] what has expired takes no place in the queue, neither of messages nor of bytes") {
  for (const bool by_bytes : {false, true}) {
    CAPTURE(by_bytes);
    Scene scene(false);
    scene.limits.queued_messages = by_bytes ? 0 : 3;
    scene.limits.queued_bytes = by_bytes ? 3 : 0;
    scene.offer(Qos::at_least_once, "a", {}, 10);
    scene.offer(Qos::at_least_once, "b");
    scene.offer(Qos::at_least_once, "c", {}, 20);
    CHECK(scene.offer(Qos::at_least_once, "d") == Outbound::Offer::full);
    scene.clock.advance(Seconds(10));
    CHECK(scene.offer(Qos::at_least_once, "e") == Outbound::Offer::queued);
    CHECK(scene.offer(Qos::at_least_once, "f") == Outbound::Offer::full);
    scene.clock.advance(Seconds(10));
    CHECK(scene.offer(Qos::at_least_once, "g") == Outbound::Offer::queued);
    CHECK(scene.out.expired() == 2);
    CHECK(scene.out.bytes() == 3);
    scene.connect();
    CHECK(scene.notes.take() == Texts{"1 b #1", "1 e #2", "1 g #3"});
  }
}

TEST_CASE("[MQTT-3.1.2-25] what is too large for the client counts as sent, and its identifier is free") {
  Scene scene;
  scene.notes.size_max = 3;
  CHECK(scene.offer(Qos::at_least_once, "large") == Outbound::Offer::sent);
  CHECK(scene.out.too_large() == 1);
  CHECK(scene.out.in_flight() == 0);
  CHECK(scene.out.bytes() == 0);
  // also from the queue, and when it is sent again to a client with less room
  Scene later(false);
  for (const char* payload : {"large", "ok"}) later.offer(Qos::at_least_once, payload);
  later.notes.size_max = 3;
  later.connect();
  CHECK(later.notes.take() == Texts{"1 ok #2"});
  later.out.disconnected();
  later.notes.size_max = 1;
  later.connect();
  CHECK(later.notes.take().empty());
  CHECK(later.out.in_flight() == 0);
}

TEST_CASE("acknowledgements of the wrong kind are protocol errors, unknown ones are only not known") {
  Scene scene;
  scene.offer(Qos::at_least_once, "a");
  scene.offer(Qos::exactly_once, "b");
  CHECK(scene.out.on_puback(9) == false);
  CHECK(scene.out.on_pubrec(9, ReasonCode::success) == false);
  CHECK(scene.out.on_pubcomp(9) == false);
  CHECK_FALSE(scene.out.on_puback(2).has_value());
  CHECK_FALSE(scene.out.on_pubrec(1, ReasonCode::success).has_value());
  CHECK_FALSE(scene.out.on_pubcomp(2).has_value());
  CHECK(scene.out.in_flight() == 2);
}

TEST_CASE("QoS 0 that was queued for an absent client goes without an identifier, in its place") {
  Scene scene(false);
  scene.offer(Qos::at_least_once, "a");
  scene.offer(Qos::at_most_once, "b");
  scene.offer(Qos::at_least_once, "c");
  scene.connect();
  CHECK(scene.notes.take() == Texts{"1 a #1", "0 b", "1 c #2"});
  CHECK(scene.out.in_flight() == 2);
}

TEST_CASE(
    "[MQTT-4.8.2-5] take_shared gives what a group may give to another: not what began at QoS 2, not the others") {
  Scene scene;
  scene.limits.inflight_messages = 3;
  scene.offer(Qos::at_least_once, "sent", FilterId{7});
  scene.offer(Qos::exactly_once, "begun", FilterId{7});
  scene.offer(Qos::at_least_once, "own");
  scene.offer(Qos::exactly_once, "waits", FilterId{8});
  scene.offer(Qos::at_least_once, "own too");
  Texts shared;
  for (const Delivery& delivery : scene.out.take_shared()) shared.emplace_back(delivery.message->payload());
  CHECK(shared == Texts{"sent", "waits"});
}

TEST_CASE(
    "what a client may not have any more and was picked for it in a group is left for another, if it was not begun") {
  Scene scene;
  scene.limits.inflight_messages = 2;
  scene.offer(Qos::exactly_once, "no", FilterId{7});
  scene.offer(Qos::at_least_once, "no", FilterId{8});
  scene.offer(Qos::at_least_once, "no", FilterId{9});
  scene.offer(Qos::at_least_once, "no");
  CHECK(scene.out.take_denied().empty());
  scene.notes.denied = "no";
  scene.out.rights_changed();
  scene.out.disconnected();
  scene.connect();
  std::vector<FilterId> left;
  for (const Delivery& delivery : scene.out.take_denied()) left.push_back(delivery.share);
  CHECK(left == std::vector{FilterId{8}, FilterId{9}});
  CHECK(scene.out.take_denied().empty());
}

TEST_CASE("identifiers go round past 65535, and an old one that is still in flight is found and skipped") {
  Scene scene;
  scene.limits.inflight_messages = 0;
  scene.offer_all("a");  // #1 stays
  for (int i = 0; i < 65'534; ++i) {
    scene.offer_all("x");
    scene.puback(static_cast<PacketId>(2 + i));
  }
  scene.notes.take();
  scene.offer_all("bc");
  CHECK(scene.notes.take() == Texts{"1 b #2", "1 c #3"});
  scene.puback(1);
  scene.puback(3);
  scene.puback(2);
  CHECK(scene.out.in_flight() == 0);
}

TEST_CASE("with 65,535 in flight and out of order, the one identifier that is free is given, and found at once") {
  Scene scene;
  scene.limits.inflight_messages = 0;
  for (int i = 0; i < 65'535; ++i) scene.offer_all("x");
  for (PacketId id = 2; id <= 32'768; ++id) CHECK(scene.out.on_puback(id) == true);
  while (scene.out.in_flight() < 65'535) scene.offer_all("y");  // 1, 32769 to 65535, 2 to 32768
  const auto from = std::chrono::steady_clock::now();
  for (const PacketId id : {PacketId{32'768}, PacketId{20'000}, PacketId{40'000}, PacketId{1}}) {
    CHECK(scene.offer(Qos::at_least_once, "z") == Outbound::Offer::queued);
    scene.notes.take();
    scene.puback(id);
    CHECK(scene.notes.take() == Texts{"1 z #" + std::to_string(id)});
  }
  CHECK(std::chrono::steady_clock::now() - from < std::chrono::seconds(2));
}

}  // namespace
}  // namespace bramble
