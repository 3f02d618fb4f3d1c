#include "core/mqtt/decode.h"
#include "tests/core/mqtt/received.h"

namespace bramble::mqtt {

using namespace test;

namespace {

ReasonCode connack(std::string_view body, Version version = Version::v5) {
  return code_of(decode_connack(Received(0x20, body).frame, version));
}
ReasonCode suback(unsigned first, std::string_view body, Version version = Version::v5) {
  return code_of(decode_suback(Received(first, body).frame, version));
}

}  // namespace

TEST_CASE("CONNACK of 3.x gives the Reason Code that says the same") {
  const Received packet(0x20, "01 00");
  CHECK(decode_connack(packet.frame, Version::v3_1_1)->session_present);
  const Received refused(0x20, "00 05");
  CHECK(decode_connack(refused.frame, Version::v3_1)->code == ReasonCode::not_authorized);
  CHECK(connack("00 00 00", Version::v3_1_1) == kMalformed);
  CHECK(connack("00", Version::v3_1_1) == kMalformed);
}

TEST_CASE("CONNACK of 5 gives what our clients act on and reads past the rest") {
  const Received packet(0x20, "00 00 0D 21 00 14 24 01 25 00 28 01 29 00 2A 01");
  const auto connack = decode_connack(packet.frame, Version::v5);
  REQUIRE(connack);
  CHECK(connack->receive_maximum == 20);
  CHECK(connack->maximum_qos == Qos::at_least_once);
  CHECK(connack->retain_available == false);
  CHECK_FALSE(connack->topic_alias_maximum);
}

TEST_CASE("[MQTT-3.2.2-1] [MQTT-3.2.2-8] reserved flags and foreign codes of a CONNACK are refused") {
  CHECK(connack("02 00 00") == kMalformed);
  CHECK(connack("02 00", Version::v3_1_1) == kMalformed);
  CHECK(connack("00 8E 00") == kProtocolError);
  CHECK(connack("00 00") == kMalformed);
  CHECK(connack("00 00 02 24 02") == kProtocolError);
}

TEST_CASE("SUBACK and UNSUBACK have codes where their version has them") {
  const Received packet(0x90, "00 07 00 01 87");
  const auto acknowledged = decode_suback(packet.frame, Version::v5);
  REQUIRE(acknowledged);
  CHECK(acknowledged->packet_id == 7);
  CHECK(acknowledged->codes == "\x01\x87");
  CHECK(suback(0x90, "00 07 00", Version::v3_1_1) == kFine);
  CHECK(suback(0x90, "00 07", Version::v3_1_1) == kMalformed);
  CHECK(suback(0xB0, "00 07", Version::v3_1_1) == kFine);
  CHECK(suback(0xB0, "00 07 00", Version::v3_1_1) == kMalformed);
  CHECK(suback(0xB0, "00 07 00 11") == kFine);
  CHECK(suback(0xB0, "00 07 00") == kMalformed);
  CHECK(suback(0x90, "00") == kMalformed);
}

}  // namespace bramble::mqtt
