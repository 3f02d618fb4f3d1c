#include "core/session/publication.h"

#include <algorithm>
#include <doctest/doctest.h>
#include <string>

#include "core/mqtt/decode.h"
#include "tests/support/fake_clock.h"

namespace bramble {
namespace {

using mqtt::PublishHeader;
using mqtt::Qos;
using mqtt::Version;

Publication::Facts facts(SteadyTime arrived, std::uint32_t expiry = mqtt::kNoExpiry) {
  return {Qos::exactly_once, false, expiry, arrived, PublisherId{3}};
}

PublishHeader header(Qos qos, bool retain = false) {
  PublishHeader made;
  made.qos = qos;
  made.retain = retain;
  made.packet_id = qos == Qos::at_most_once ? 0 : 0x0101;
  return made;
}

TEST_CASE("a frame is encoded once for each version, QoS and retain, and says where the Packet Identifier goes") {
  const testing::FakeClock clock;
  TurnBuffer buffer;
  Publication publication({"a/b", {}, "payload"}, facts(clock.now()), clock.now(), buffer);
  for (const Version version : {Version::v3_1_1, Version::v5}) {
    for (const Qos qos : {Qos::at_most_once, Qos::at_least_once, Qos::exactly_once}) {
      for (const bool retain : {false, true}) {
        std::string expected;
        append_publish(expected, version, header(qos, retain), publication.content());
        const auto frame = publication.shared_frame(version, header(qos, retain));
        CHECK(std::string(frame.bytes) == expected);
        CHECK(frame.packet_id == (qos == Qos::at_most_once ? nullptr : frame.bytes.data() + 7));
        CHECK(frame.fresh);
        const auto again = publication.shared_frame(version, header(qos, retain));
        CHECK(again.bytes.data() == frame.bytes.data());  // the second time nothing was encoded
        CHECK(again.bytes == expected);
        CHECK_FALSE(again.fresh);
      }
    }
  }
}

TEST_CASE("the place of the Packet Identifier is right behind longer Remaining Lengths too") {
  const testing::FakeClock clock;
  TurnBuffer buffer;
  for (const std::size_t size : {100u, 200u, 20'000u}) {
    const std::string payload(size, 'x');
    Publication publication({"t", {}, payload}, facts(clock.now()), clock.now(), buffer);
    const auto frame = publication.shared_frame(Version::v3_1_1, header(Qos::at_least_once));
    CHECK(frame.packet_id[0] == 1);
    CHECK(frame.packet_id[1] == 1);
    CHECK(frame.bytes.data() + frame.bytes.size() == frame.packet_id + 2 + size);
  }
}

TEST_CASE("the frames of publications that share a buffer stay, one behind the other, until the turn ends") {
  const testing::FakeClock clock;
  TurnBuffer buffer;
  std::string_view before;
  for (const std::string payload : {"first", "second"}) {
    Publication publication({"t", {}, payload}, facts(clock.now()), clock.now(), buffer);
    const auto frame = publication.shared_frame(Version::v5, header(Qos::at_most_once));
    CHECK(frame.bytes.ends_with(payload));
    if (!before.empty()) CHECK(before.data() + before.size() == frame.bytes.data());
    if (!before.empty()) CHECK(before.ends_with("first"));
    before = frame.bytes;
  }
}

TEST_CASE("a packet goes on as it came to whoever would get the same bytes, and is encoded for others") {
  const testing::FakeClock clock;
  TurnBuffer buffer;
  for (const Version came : {Version::v3_1, Version::v3_1_1, Version::v5}) {
    for (const bool retained : {false, true}) {
      auto made = facts(clock.now());
      made.qos = Qos::at_most_once;
      made.retain = retained;
      Publication publication({"t", {}, "x"}, made, clock.now(), buffer);
      std::string packet;
      append_publish(packet, came, header(Qos::at_most_once, retained), publication.content());
      publication.came_as(packet, came);
      for (const Version goes : {Version::v3_1, Version::v3_1_1, Version::v5}) {
        for (const bool retain : {false, true}) {
          for (const Qos qos : {Qos::at_most_once, Qos::at_least_once}) {
            std::string expected;
            append_publish(expected, goes, header(qos, retain), publication.content());
            const auto frame = publication.shared_frame(goes, header(qos, retain));
            CHECK(frame.bytes == expected);
            const bool same =
                qos == Qos::at_most_once && retain == retained && (goes == Version::v5) == (came == Version::v5);
            CHECK((frame.bytes.data() == packet.data()) == same);
          }
        }
      }
    }
  }
}

TEST_CASE("a packet that is passed on is the same publication elsewhere, when what it was read from is gone") {
  const testing::FakeClock clock;
  TurnBuffer here, there;
  for (const Version came : {Version::v3_1_1, Version::v5}) {
    for (const std::string_view payload : {"", "payload"}) {
      const std::string properties = came == Version::v5 ? std::string("\x01\x01", 2) : "";
      auto made = facts(clock.now());
      made.qos = Qos::at_most_once;
      std::string original;
      append_publish(original, came, header(Qos::at_most_once), {"a/b", {{properties}}, payload});
      std::string packet = original;
      const mqtt::Frame frame = *mqtt::next_frame(packet, 1000, came);
      const mqtt::Publish read = *mqtt::decode_publish(frame, came);
      std::string copy;
      Publication::Passed passed;
      {
        Publication publication({read.topic, read.properties, read.payload}, made, clock.now(), here);
        CHECK_FALSE(publication.passes());  // nobody has said that it is a packet
        publication.came_as(packet, came);
        REQUIRE(publication.passes());
        copy.resize(publication.packet_size());
        passed = publication.pass(copy.data());
      }
      std::fill(packet.begin(), packet.end(), '?');
      Publication publication(passed, clock.now(), there);
      CHECK(publication.content().topic == "a/b");
      CHECK(publication.content().properties.pieces[0] == properties);
      CHECK(publication.content().payload == payload);
      CHECK(publication.facts().publisher == PublisherId{3});
      CHECK(publication.passes());  // and may be passed on again
      const auto out = publication.shared_frame(came, header(Qos::at_most_once));
      CHECK(out.bytes == original);
      CHECK(out.bytes.data() == copy.data());
      CHECK(publication.message()->payload() == payload);
      CHECK_FALSE(publication.passes());  // there is a message now, to be shared
    }
  }
}

TEST_CASE("a packet above 1 KiB is not passed on as a copy") {
  const testing::FakeClock clock;
  TurnBuffer buffer;
  for (const std::size_t size : {Publication::kPassedMax, Publication::kPassedMax + 1}) {
    Publication publication({"t", {}, "x"}, {}, clock.now(), buffer);
    const std::string packet(size, 'x');
    publication.came_as(packet, Version::v3_1_1);
    CHECK(publication.passes() == (size == Publication::kPassedMax));
  }
}

TEST_CASE("[MQTT-3.3.2-6] the expiry that is left falls with the time it waited, to 0 and not below") {
  testing::FakeClock clock;
  TurnBuffer buffer;
  const SteadyTime arrived = clock.now();
  const auto left = [&](std::uint32_t expiry) {
    Publication publication({"t", {}, "x"}, facts(arrived, expiry), clock.now(), buffer);
    CHECK(publication.expired() == (expiry != mqtt::kNoExpiry && publication.expiry_left() == 0));
    return publication.expiry_left();
  };
  CHECK(left(10) == 10);
  clock.advance(Milliseconds(3'900));
  CHECK(left(10) == 7);
  CHECK(left(mqtt::kNoExpiry) == mqtt::kNoExpiry);
  clock.advance(Seconds(6));
  CHECK(left(10) == 1);
  clock.advance(Seconds(600));
  CHECK(left(10) == 0);
}

TEST_CASE("a message is made when something wants to keep it, once, and outlives the bytes it came from") {
  const testing::FakeClock clock;
  TurnBuffer buffer;
  MessagePtr kept;
  LocalMessage local;
  {
    const std::string payload = "from the read buffer";
    Publication publication({"t", {}, payload}, facts(clock.now()), clock.now(), buffer);
    kept = publication.message();
    local = publication.local();
    CHECK(publication.message().get() == kept.get());
    CHECK(local.message().get() == kept.get());
  }
  CHECK(kept->payload() == "from the read buffer");
  CHECK(kept->facts().publisher == PublisherId{3});
  CHECK(local->topic() == "t");
  Publication again(local, clock.now(), buffer);
  CHECK(again.message().get() == kept.get());
}

TEST_CASE("copies of a local message share it, and the last one to go gives it back") {
  const MessagePtr message = MessagePtr::make({"t", {}, "x"}, {});
  LocalMessage first(message);
  LocalMessage second = first;
  LocalMessage third = std::move(first);
  CHECK_FALSE(first);
  CHECK(second.message().get() == third.message().get());
  third = LocalMessage();
  second = second;
  CHECK(second->payload() == "x");
  first = std::move(second);
  CHECK(first->payload() == "x");
}

}  // namespace
}  // namespace bramble
