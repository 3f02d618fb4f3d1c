// What core/session/outbound.h tells the store.
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

}  // namespace
}  // namespace bramble
