#include <algorithm>

#include "core/mqtt/decode.h"
#include "tests/core/mqtt/received.h"

namespace bramble::mqtt {

using namespace test;

namespace {

constexpr unsigned kPuback = 0x40, kPubrec = 0x50, kPubrel = 0x62, kPubcomp = 0x70;
constexpr unsigned kAcks[] = {kPuback, kPubrec, kPubrel, kPubcomp};

ReasonCode ack(unsigned first, std::string_view body, Version version = Version::v5) {
  return code_of(decode_ack(Received(first, body).frame, version));
}
ReasonCode disconnect(std::string_view body, Version version = Version::v5, Sender sender = Sender::client) {
  return code_of(decode_disconnect(Received(0xE0, body).frame, version, sender));
}
ReasonCode auth(std::string_view body, Version version = Version::v5) {
  return code_of(decode_auth(Received(0xF0, body).frame, version));
}

/// Is the decoder content with each of these bytes as Reason Code, and with no other?
template <class Accepts>
void check_codes(Accepts accepts, std::initializer_list<unsigned> allowed) {
  for (unsigned code = 0; code < 256; ++code) {
    const bool wanted = std::find(allowed.begin(), allowed.end(), code) != allowed.end();
    CAPTURE(code);
    CHECK(accepts(static_cast<char>(code)) == wanted);
  }
}

}  // namespace

TEST_CASE("an acknowledgement has two bytes before 5; in 5 also a Reason Code and properties") {
  for (const unsigned first : kAcks) {
    CAPTURE(first);
    for (const Version version : kVersions) {
      const Received packet(first, "12 34");
      const auto two = decode_ack(packet.frame, version);
      REQUIRE(two);
      CHECK(two->packet_id == 0x1234);
      CHECK(two->code == ReasonCode::success);
    }
    CHECK(ack(first, "00 01 00", Version::v3_1_1) == kMalformed);
    CHECK(ack(first, "00 01 00", Version::v3_1) == kMalformed);
    CHECK(ack(first, "00 01 00") == kFine);
    CHECK(ack(first, "00 01 00 00") == kFine);
    CHECK(ack(first, "00 01 00 0B 1F 00 01 'r' 26 00 01 'k' 00 01 'v'") == kFine);
  }
}

TEST_CASE("an acknowledgement that is too short or too long is malformed") {
  for (const unsigned first : kAcks) {
    for (const Version version : kVersions) {
      CHECK(ack(first, "", version) == kMalformed);
      CHECK(ack(first, "00", version) == kMalformed);
    }
    CHECK(ack(first, "00 01 00 00 00") == kMalformed);
    CHECK(ack(first, "00 01 00 01") == kMalformed);
    CHECK(ack(first, "00 01 00 80") == kMalformed);
  }
}

TEST_CASE("[MQTT-2.2.1-5] Packet Identifier 0 in an acknowledgement is a protocol error") {
  for (const unsigned first : kAcks) {
    for (const Version version : kVersions) CHECK(ack(first, "00 00", version) == kProtocolError);
  }
}

TEST_CASE("[MQTT-3.4.2-1] [MQTT-3.5.2-1] [MQTT-3.6.2-1] [MQTT-3.7.2-1] only the packet's own Reason Codes are taken") {
  for (const unsigned first : kAcks) {
    const auto accepts = [first](char code) {
      const std::string body = hex("00 01") + code;
      const auto decoded = decode_ack({static_cast<PacketType>(first >> 4), 0, body, 0, 0}, Version::v5);
      if (!decoded) CHECK(decoded.error().code == kProtocolError);
      return decoded.has_value();
    };
    if (first == kPuback || first == kPubrec) {
      check_codes(accepts, {0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99});
    } else {
      check_codes(accepts, {0x00, 0x92});
    }
  }
}

TEST_CASE("DISCONNECT has no body before 5") {
  for (const Version version : {Version::v3_1, Version::v3_1_1}) {
    CHECK(disconnect("", version) == kFine);
    CHECK(disconnect("00", version) == kMalformed);
  }
}

TEST_CASE("DISCONNECT of 5 may leave out the Reason Code and the properties") {
  const Received empty(0xE0, "");
  CHECK(decode_disconnect(empty.frame, Version::v5)->code == ReasonCode::success);
  const Received code(0xE0, "04");
  CHECK(decode_disconnect(code.frame, Version::v5)->code == ReasonCode::disconnect_with_will);
  CHECK_FALSE(decode_disconnect(code.frame, Version::v5)->session_expiry);
  const Received all(0xE0, "00 0A 11 00 00 00 3C 1F 00 02 'ok'");
  CHECK(decode_disconnect(all.frame, Version::v5)->session_expiry == 60);
  CHECK(disconnect("00 00") == kFine);
  CHECK(disconnect("00 00 00") == kMalformed);
  CHECK(disconnect("00 01") == kMalformed);
}

TEST_CASE("[MQTT-3.14.2-1] each side takes only the Reason Codes that the other may send in a DISCONNECT") {
  const auto accepts = [](Sender sender) {
    return [sender](char code) {
      const std::string body(1, code);
      const auto decoded = decode_disconnect({PacketType::disconnect, 0, body, 0, 0}, Version::v5, sender);
      if (!decoded) CHECK(decoded.error().code == kProtocolError);
      return decoded.has_value();
    };
  };
  check_codes(accepts(Sender::client),
              {0x00, 0x04, 0x80, 0x81, 0x82, 0x83, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99});
  check_codes(accepts(Sender::server),
              {0x00, 0x80, 0x81, 0x82, 0x83, 0x87, 0x89, 0x8B, 0x8C, 0x8D, 0x8E, 0x8F, 0x90, 0x93, 0x94,
               0x95, 0x96, 0x97, 0x98, 0x99, 0x9A, 0x9B, 0x9C, 0x9D, 0x9E, 0x9F, 0xA0, 0xA1, 0xA2});
}

TEST_CASE("[MQTT-3.14.2-2] a server's DISCONNECT has no Session Expiry Interval") {
  CHECK(disconnect("00 05 11 00 00 00 3C", Version::v5, Sender::server) == kMalformed);
  CHECK(disconnect("9C 04 1C 00 01 's'", Version::v5, Sender::server) == kFine);
}

TEST_CASE("AUTH belongs to 5") {
  CHECK(auth("", Version::v3_1_1) == kProtocolError);
  CHECK(auth("", Version::v3_1) == kProtocolError);
  const Received packet(0xF0, "18 08 15 00 01 'm' 16 00 01 'd'");
  const auto auth = decode_auth(packet.frame, Version::v5);
  REQUIRE(auth);
  CHECK(auth->code == ReasonCode::continue_authentication);
  CHECK(auth->authentication_method == "m");
}

TEST_CASE("[MQTT-3.15.2-1] AUTH has one of its own Reason Codes, and a method") {
  CHECK(auth("") == kFine);  // success, and nothing to say about it
  CHECK(auth("19 04 15 00 01 'm'") == kFine);
  CHECK(auth("80 04 15 00 01 'm'") == kProtocolError);
  CHECK(auth("18 00") == kProtocolError);
  CHECK(auth("18") == kMalformed);
  CHECK(auth("18 04 15 00 01 'm' 00") == kMalformed);
}

TEST_CASE("PINGREQ has no body") {
  CHECK(decode_pingreq(Received(0xC0, "").frame));
  CHECK(code_of(decode_pingreq(Received(0xC0, "00").frame)) == kMalformed);
}

}  // namespace bramble::mqtt
