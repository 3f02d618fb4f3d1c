#include "core/mqtt/decode.h"
#include "tests/core/mqtt/received.h"

namespace bramble::mqtt {

using namespace test;

namespace {

ReasonCode publish(unsigned first, std::string_view body, Version version = Version::v5,
                   Sender sender = Sender::client) {
  return code_of(decode_publish(Received(first, body).frame, version, sender));
}

std::string forwarded(const Publish& publish) {
  std::string all;
  for (const auto piece : publish.properties.pieces) all += piece;
  return all;
}

}  // namespace

TEST_CASE("PUBLISH of 3.1.1 at each QoS") {
  const Received qos_0(0x31, "00 03 'a/b' 'hello'");
  const auto first = decode_publish(qos_0.frame, Version::v3_1_1);
  REQUIRE(first);
  CHECK(first->topic == "a/b");
  CHECK(first->payload == "hello");
  CHECK(first->qos == Qos::at_most_once);
  CHECK(first->retain);
  CHECK_FALSE(first->dup);
  CHECK(first->packet_id == 0);
  CHECK(first->properties.size() == 0);
  CHECK(first->message_expiry == kNoExpiry);

  const Received qos_1(0x32, "00 01 'a' 12 34 00");
  const auto second = decode_publish(qos_1.frame, Version::v3_1);
  REQUIRE(second);
  CHECK(second->qos == Qos::at_least_once);
  CHECK(second->packet_id == 0x1234);
  CHECK(second->payload == hex("00"));

  const Received qos_2(0x3C, "00 01 'a' 00 01");
  const auto third = decode_publish(qos_2.frame, Version::v3_1_1);
  REQUIRE(third);
  CHECK(third->qos == Qos::exactly_once);
  CHECK(third->dup);
  CHECK(third->payload.empty());
}

TEST_CASE("PUBLISH of 5 without properties") {
  const Received packet(0x32, "00 01 'a' 00 01 00 'x'");
  const auto publish = decode_publish(packet.frame, Version::v5);
  REQUIRE(publish);
  CHECK(publish->payload == "x");
  CHECK_FALSE(publish->topic_alias);
  CHECK(forwarded(*publish).empty());
}

TEST_CASE(
    "[MQTT-3.3.2-4] [MQTT-3.3.2-15] [MQTT-3.3.2-16] [MQTT-3.3.2-18] [MQTT-3.3.2-20] properties go on as they came") {
  const std::string_view properties =
      "01 01 03 00 04 'json' 08 00 03 'r/s' 09 00 02 00 FF 26 00 01 'b' 00 01 '1' 26 00 01 'a' 00 01 '2' 26 00 01 'b' "
      "00 01 '1'";
  const Received packet(0x30, "00 01 'a' 29 " + std::string(properties) + "'payload'");
  const auto publish = decode_publish(packet.frame, Version::v5);
  REQUIRE(publish);
  CHECK(forwarded(*publish) == hex(properties));
  CHECK(publish->payload_format == 1);
  CHECK(publish->response_topic == "r/s");
  CHECK(publish->payload == "payload");
}

TEST_CASE("Topic Alias and Message Expiry Interval are cut out of what goes on, wherever they stand") {
  const std::string alias = "23 00 07 ";
  const std::string expiry = "02 00 00 00 0A ";
  const std::string user = "26 00 01 'k' 00 01 'v' ";
  const std::string format = "01 00 ";
  struct Row {
    std::string sent;
    std::string forwarded;
    unsigned size;
  };
  for (const auto& [sent, left, size] : {Row{alias + expiry, "", 8},
                                         {expiry + alias, "", 8},
                                         {alias + user + expiry, user, 15},
                                         {user + alias + expiry, user, 15},
                                         {alias + expiry + user, user, 15},
                                         {format + expiry + user + alias, format + user, 17},
                                         {user + alias + format + expiry + user, user + format + user, 24}}) {
    std::string body = hex("00 01 'a'");
    body.push_back(static_cast<char>(size));
    body += hex(sent) + "p";
    const Frame frame{PacketType::publish, 0, body, 0, 0};
    const auto publish = decode_publish(frame, Version::v5);
    CAPTURE(sent);
    REQUIRE(publish);
    CHECK(publish->topic_alias == 7);
    CHECK(publish->message_expiry == 10);
    CHECK(forwarded(*publish) == hex(left));
    CHECK(publish->payload == "p");
  }
}

TEST_CASE("[MQTT-3.3.1-4] QoS 3 is malformed") {
  for (const Version version : kVersions) CHECK(publish(0x36, "00 01 'a' 00 01 00", version) == kMalformed);
}

TEST_CASE("[MQTT-3.3.1-2] DUP at QoS 0 is malformed") {
  for (const Version version : kVersions) CHECK(publish(0x38, "00 01 'a' 00", version) == kMalformed);
}

TEST_CASE("[MQTT-2.2.1-3] Packet Identifier 0 is a protocol error") {
  for (const Version version : kVersions) {
    CHECK(publish(0x32, "00 01 'a' 00 00 00", version) == kProtocolError);
    CHECK(publish(0x34, "00 01 'a' 00 00 00", version) == kProtocolError);
  }
}

TEST_CASE("[MQTT-3.3.2-1] a PUBLISH that ends before its payload is malformed") {
  CHECK(publish(0x30, "", Version::v3_1_1) == kMalformed);
  CHECK(publish(0x30, "00", Version::v3_1_1) == kMalformed);
  CHECK(publish(0x30, "00 02 'a'", Version::v3_1_1) == kMalformed);
  CHECK(publish(0x32, "00 01 'a' 01", Version::v3_1_1) == kMalformed);
  CHECK(publish(0x30, "00 01 'a'") == kMalformed);  // no Property Length  [MQTT-2.2.2-1]
  CHECK(publish(0x32, "00 01 'a' 00 01") == kMalformed);
  CHECK(publish(0x30, "00 01 'a' 05 01 00") == kMalformed);           // shorter than its Property Length
  CHECK(publish(0x30, "00 01 'a' 02 02 00 00 00 01") == kMalformed);  // a property longer than it
  CHECK(publish(0x30, "00 01 'a' 80") == kMalformed);
  CHECK(publish(0x30, "00 01 'a' 80 00") == kMalformed);  // [MQTT-1.5.5-1]
}

TEST_CASE("[MQTT-4.7.3-1] an empty Topic Name without a Topic Alias is a protocol error") {
  CHECK(publish(0x30, "00 00 'x'", Version::v3_1_1) == kProtocolError);
  CHECK(publish(0x30, "00 00 00 'x'") == kProtocolError);
  CHECK(publish(0x30, "00 00 03 23 00 01 'x'") == kFine);
}

TEST_CASE("[MQTT-3.3.2-8] Topic Alias 0 is left to the receiver, who has a Reason Code for it") {
  const Received packet(0x30, "00 01 'a' 03 23 00 00");
  const auto publish = decode_publish(packet.frame, Version::v5);
  REQUIRE(publish);
  REQUIRE(publish->topic_alias);
  CHECK(*publish->topic_alias == 0);
}

TEST_CASE("[MQTT-3.3.4-6] a Subscription Identifier from a client is a protocol error; from a server it is not") {
  CHECK(publish(0x30, "00 01 'a' 02 0B 01") == kProtocolError);
  CHECK(publish(0x30, "00 01 'a' 05 0B 01 0B 80 01", Version::v5, Sender::server) == kFine);
  CHECK(publish(0x30, "00 01 'a' 02 0B 00", Version::v5, Sender::server) == kProtocolError);
}

TEST_CASE("[MQTT-3.3.2-14] a Response Topic with a wildcard is a protocol error") {
  CHECK(publish(0x30, "00 01 'a' 06 08 00 03 'r/#'") == kProtocolError);
  CHECK(publish(0x30, "00 01 'a' 04 08 00 01 '+'") == kProtocolError);
  CHECK(publish(0x30, "00 01 'a' 04 08 00 01 FF") == kMalformed);  // [MQTT-3.3.2-13]
}

TEST_CASE("the topic of a PUBLISH is not looked at here") {
  CHECK(publish(0x30, "00 01 '#'", Version::v3_1_1) == kFine);
  CHECK(publish(0x30, "00 01 FF", Version::v3_1_1) == kFine);
}

TEST_CASE("a Payload Format Indicator of 1 does not make us look into the payload") {
  CHECK(publish(0x30, "00 01 'a' 02 01 01 FF FE") == kFine);
  CHECK(publish(0x30, "00 01 'a' 02 01 02") == kProtocolError);
}

}  // namespace bramble::mqtt
