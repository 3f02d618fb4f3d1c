#include "core/mqtt/decode.h"
#include "tests/core/mqtt/received.h"

namespace bramble::mqtt {

using namespace test;

namespace {

ReasonCode subscribe(std::string_view body, Version version = Version::v5) {
  return code_of(decode_subscribe(Received(0x82, body).frame, version));
}
ReasonCode unsubscribe(std::string_view body, Version version = Version::v5) {
  return code_of(decode_unsubscribe(Received(0xA2, body).frame, version));
}

}  // namespace

TEST_CASE("SUBSCRIBE of 3.1.1 gives its filters in order") {
  const Received packet(0x82, "00 0A 00 03 'a/b' 01 00 03 'c/+' 02");
  const auto subscribe = decode_subscribe(packet.frame, Version::v3_1_1);
  REQUIRE(subscribe);
  CHECK(subscribe->packet_id == 10);
  CHECK(subscribe->subscription_identifier == 0);
  REQUIRE(subscribe->entries.size() == 2);
  CHECK(subscribe->entries[0].filter == "a/b");
  CHECK(subscribe->entries[0].options.qos == Qos::at_least_once);
  CHECK(subscribe->entries[1].filter == "c/+");
  CHECK(subscribe->entries[1].options.qos == Qos::exactly_once);
}

TEST_CASE("SUBSCRIBE of 5 gives its options and Subscription Identifier") {
  const Received packet(0x82, "00 0A 0A 0B 80 01 26 00 01 'k' 00 01 'v' 00 01 'a' 2D 00 01 'b' 10");
  const auto subscribe = decode_subscribe(packet.frame, Version::v5);
  REQUIRE(subscribe);
  CHECK(subscribe->subscription_identifier == 128);
  REQUIRE(subscribe->entries.size() == 2);
  const SubscriptionOptions first{Qos::at_least_once, true, true, RetainHandling::do_not_send};
  CHECK(subscribe->entries[0].options == first);
  const SubscriptionOptions second{Qos::at_most_once, false, false, RetainHandling::send_if_new};
  CHECK(subscribe->entries[1].options == second);
}

TEST_CASE("[MQTT-3.8.3-5] reserved Subscription Options are malformed") {
  CHECK(subscribe("00 01 00 00 01 'a' 40") == kMalformed);
  CHECK(subscribe("00 01 00 00 01 'a' 80") == kMalformed);
  for (const Version version : {Version::v3_1, Version::v3_1_1}) {
    for (const auto* bits : {"04", "08", "10", "20", "40", "80"}) {
      CHECK(subscribe(std::string("00 01 00 01 'a' ") + bits, version) == kMalformed);
    }
  }
}

TEST_CASE("[3.1.1: MQTT-3-8.3-4] QoS 3 is malformed before 5 and a protocol error in 5") {
  CHECK(subscribe("00 01 00 01 'a' 03", Version::v3_1) == kMalformed);
  CHECK(subscribe("00 01 00 01 'a' 03", Version::v3_1_1) == kMalformed);
  CHECK(subscribe("00 01 00 00 01 'a' 03") == kProtocolError);
}

TEST_CASE("Retain Handling 3 is a protocol error") { CHECK(subscribe("00 01 00 00 01 'a' 30") == kProtocolError); }

TEST_CASE("[MQTT-3.8.3-2] [MQTT-3.10.3-2] a list without a Topic Filter is a protocol error") {
  CHECK(subscribe("00 01 00") == kProtocolError);
  CHECK(subscribe("00 01", Version::v3_1_1) == kProtocolError);
  CHECK(unsubscribe("00 01 00") == kProtocolError);
  CHECK(unsubscribe("00 01", Version::v3_1_1) == kProtocolError);
}

TEST_CASE("[MQTT-2.2.1-3] Packet Identifier 0 in SUBSCRIBE or UNSUBSCRIBE is a protocol error") {
  CHECK(subscribe("00 00 00 00 01 'a' 00") == kProtocolError);
  CHECK(subscribe("00 00 00 01 'a' 00", Version::v3_1_1) == kProtocolError);
  CHECK(unsubscribe("00 00 00 00 01 'a'") == kProtocolError);
  CHECK(unsubscribe("00 00 00 01 'a'", Version::v3_1_1) == kProtocolError);
}

TEST_CASE("[MQTT-3.8.3-1] [MQTT-3.10.3-1] a Topic Filter that is not UTF-8 is malformed") {
  CHECK(subscribe("00 01 00 00 01 FF 00") == kMalformed);
  CHECK(subscribe("00 01 00 01 00 00", Version::v3_1_1) == kMalformed);
  CHECK(unsubscribe("00 01 00 00 02 C0 80") == kMalformed);
}

TEST_CASE("whether a filter is a valid Topic Filter is not decided here: each gets its own Reason Code") {
  CHECK(subscribe("00 01 00 00 03 'a#b' 00 00 00 00") == kFine);
  CHECK(unsubscribe("00 01 00 00 03 'a#b' 00 00") == kFine);
}

TEST_CASE("a Subscription Identifier is there once and not 0") {
  CHECK(subscribe("00 01 02 0B 00 00 01 'a' 00") == kProtocolError);
  CHECK(subscribe("00 01 04 0B 01 0B 02 00 01 'a' 00") == kProtocolError);
  CHECK(subscribe("00 01 05 0B FF FF FF 7F 00 01 'a' 00") == kFine);
  CHECK(subscribe("00 01 05 0B FF FF FF FF 00 01 'a' 00") == kMalformed);
}

TEST_CASE("SUBSCRIBE and UNSUBSCRIBE cut off inside an entry are malformed") {
  for (const auto* body : {"", "00", "00 01 00 00", "00 01 00 00 02 'a'", "00 01 00 00 01 'a'"}) {
    CHECK(subscribe(body) == kMalformed);
  }
  for (const auto* body : {"", "00", "00 01 00 00", "00 01 00 00 02 'a'"}) CHECK(unsubscribe(body) == kMalformed);
  CHECK(subscribe("00 01") == kMalformed);  // no Property Length  [MQTT-2.2.2-1]
}

TEST_CASE("UNSUBSCRIBE gives its filters in order") {
  const Received v5(0xA2, "12 34 07 26 00 01 'k' 00 01 'v' 00 01 'a' 00 03 'b/#'");
  const auto first = decode_unsubscribe(v5.frame, Version::v5);
  REQUIRE(first);
  CHECK(first->packet_id == 0x1234);
  CHECK(first->filters == std::vector<std::string_view>{"a", "b/#"});
  const Received v3(0xA2, "00 02 00 01 'a'");
  CHECK(decode_unsubscribe(v3.frame, Version::v3_1)->filters == std::vector<std::string_view>{"a"});
}

}  // namespace bramble::mqtt
