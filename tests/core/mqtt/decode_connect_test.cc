#include "core/mqtt/decode.h"
#include "tests/core/mqtt/received.h"

namespace bramble::mqtt {

using namespace test;

namespace {

ReasonCode connect(std::string_view body) { return code_of(decode_connect(Received(0x10, body).frame)); }

}  // namespace

TEST_CASE("CONNECT of 3.1, 3.1.1 and 5 is read with the defaults of its version") {
  const Received v3_1(0x10, "00 06 'MQIsdp' 03 02 00 3C 00 03 'cat'");
  const auto old = decode_connect(v3_1.frame);
  REQUIRE(old);
  CHECK(old->version == Version::v3_1);
  CHECK_FALSE(old->bridge);
  CHECK(old->clean_start);
  CHECK(old->keep_alive == 60);
  CHECK(old->client_id == "cat");
  CHECK(old->session_expiry == 0);
  CHECK_FALSE(old->will);
  CHECK_FALSE(old->user_name);
  CHECK_FALSE(old->password);

  const Received v3_1_1(0x10, "00 04 'MQTT' 04 00 00 00 00 01 'c'");
  const auto middle = decode_connect(v3_1_1.frame);
  REQUIRE(middle);
  CHECK(middle->version == Version::v3_1_1);
  CHECK_FALSE(middle->clean_start);
  CHECK(middle->session_expiry == kSessionNeverExpires);

  const Received v5(0x10, "00 04 'MQTT' 05 02 00 0A 00 00 00");
  const auto now = decode_connect(v5.frame);
  REQUIRE(now);
  CHECK(now->version == Version::v5);
  CHECK(now->client_id.empty());
  CHECK(now->session_expiry == 0);
  CHECK(now->receive_maximum == 65'535);
  CHECK(now->maximum_packet_size == 0);
  CHECK(now->topic_alias_maximum == 0);
  CHECK_FALSE(now->request_problem_information.has_value());
  CHECK_FALSE(now->request_response_information);
}

TEST_CASE("CONNECT of 5 gives every property, Will and credentials") {
  const Received packet(0x10,
                        "00 04 'MQTT' 05 EE 00 0A"
                        "25 11 00 00 00 07 21 00 14 27 00 01 00 00 22 00 05 19 01 17 00"
                        "26 00 01 'k' 00 01 'v' 15 00 02 'm1' 16 00 02 01 02"
                        "00 01 'c'"
                        "0F 18 00 00 00 09 02 00 00 00 1E 03 00 02 't1'"
                        "00 01 'w' 00 02 00 FF 00 01 'u' 00 02 00 80");
  const auto connect = decode_connect(packet.frame);
  REQUIRE(connect);
  CHECK(connect->clean_start);
  CHECK(connect->session_expiry == 7);
  CHECK(connect->receive_maximum == 20);
  CHECK(connect->maximum_packet_size == 65'536);
  CHECK(connect->topic_alias_maximum == 5);
  CHECK(connect->request_response_information);
  CHECK(connect->request_problem_information == false);
  CHECK(connect->authentication_method == "m1");
  CHECK(connect->authentication_data == "\x01\x02");
  REQUIRE(connect->will);
  CHECK(connect->will->topic == "w");
  CHECK(connect->will->payload == hex("00 FF"));
  CHECK(connect->will->qos == Qos::at_least_once);
  CHECK(connect->will->retain);
  CHECK(connect->will->delay_seconds == 9);
  CHECK(connect->will->message_expiry == 30);
  CHECK(connect->will->properties.size() == 5);
  CHECK(connect->will->properties.pieces[0] == hex("03 00 02 't1'"));
  CHECK(connect->user_name == "u");
  CHECK(connect->password == hex("00 80"));
}

TEST_CASE("[MQTT-3.1.2-1] an unknown protocol name is refused as an unsupported version") {
  for (const auto* name : {"00 04 'MQTQ' 04", "00 04 'mqtt' 05", "00 03 'MQT' 04", "00 00 04", "00 06 'MQIsdP' 03"}) {
    Version version = Version::v3_1;
    const Received packet(0x10, std::string(name) + " 02 00 3C 00 01 'c'");
    CHECK(code_of(decode_connect(packet.frame, &version)) == ReasonCode::unsupported_protocol_version);
    CHECK(version == Version::v3_1);  // left alone
  }
}

TEST_CASE("[MQTT-3.1.2-2] an unknown version of a known protocol is refused, and the nearest one told") {
  for (const auto& [start, nearest] : {std::pair{"00 04 'MQTT' 06", Version::v5},
                                       {"00 04 'MQTT' 03", Version::v3_1_1},
                                       {"00 04 'MQTT' 00", Version::v3_1_1},
                                       {"00 04 'MQTT' 85", Version::v5},
                                       {"00 06 'MQIsdp' 04", Version::v3_1},
                                       {"00 06 'MQIsdp' 05", Version::v3_1}}) {
    Version version{};
    const Received packet(0x10, std::string(start) + " 02 00 3C 00 00 01 'c'");
    CHECK(code_of(decode_connect(packet.frame, &version)) == ReasonCode::unsupported_protocol_version);
    CHECK(version == nearest);
  }
}

TEST_CASE("the version is told when a later field is wrong") {
  Version version = Version::v3_1;
  const Received packet(0x10, "00 04 'MQTT' 05 01 00 3C 00 00 01 'c'");
  CHECK(code_of(decode_connect(packet.frame, &version)) == kMalformed);
  CHECK(version == Version::v5);
}

TEST_CASE("bit 7 of the Protocol Version marks a bridge in 3.1 and 3.1.1") {
  const Received v3_1(0x10, "00 06 'MQIsdp' 83 02 00 3C 00 01 'c'");
  const Received v3_1_1(0x10, "00 04 'MQTT' 84 02 00 3C 00 01 'c'");
  CHECK(decode_connect(v3_1.frame)->bridge);
  CHECK(decode_connect(v3_1.frame)->version == Version::v3_1);
  CHECK(decode_connect(v3_1_1.frame)->bridge);
  CHECK(decode_connect(v3_1_1.frame)->version == Version::v3_1_1);
}

TEST_CASE("[MQTT-3.1.2-3] the reserved flag is malformed, except in 3.1, which does not define it") {
  CHECK(connect("00 04 'MQTT' 04 03 00 3C 00 01 'c'") == kMalformed);
  CHECK(connect("00 04 'MQTT' 05 03 00 3C 00 00 01 'c'") == kMalformed);
  CHECK(connect("00 06 'MQIsdp' 03 03 00 3C 00 01 'c'") == kFine);
}

TEST_CASE("[MQTT-3.1.2-11] [MQTT-3.1.2-13] Will QoS or Will Retain without a Will is malformed") {
  for (const auto* flags : {"0A", "12", "22"}) {
    CHECK(connect(std::string("00 04 'MQTT' 05 ") + flags + " 00 3C 00 00 01 'c'") == kMalformed);
    CHECK(connect(std::string("00 04 'MQTT' 04 ") + flags + " 00 3C 00 01 'c'") == kMalformed);
  }
}

TEST_CASE("[MQTT-3.1.2-12] Will QoS 3 is malformed") {
  CHECK(connect("00 04 'MQTT' 05 1E 00 3C 00 00 01 'c' 00 00 01 'w' 00 00") == kMalformed);
  CHECK(connect("00 04 'MQTT' 05 16 00 3C 00 00 01 'c' 00 00 01 'w' 00 00") == kFine);
}

TEST_CASE("[MQTT-3.1.2-9] a Will Flag without all fields of a Will is malformed") {
  CHECK(connect("00 04 'MQTT' 05 06 00 3C 00 00 01 'c'") == kMalformed);
  CHECK(connect("00 04 'MQTT' 05 06 00 3C 00 00 01 'c' 00") == kMalformed);
  CHECK(connect("00 04 'MQTT' 05 06 00 3C 00 00 01 'c' 00 00 01 'w'") == kMalformed);
  CHECK(connect("00 04 'MQTT' 05 06 00 3C 00 00 01 'c' 00 00 01 'w' 00 05 'abc'") == kMalformed);
  CHECK(connect("00 04 'MQTT' 04 06 00 3C 00 01 'c' 00 01 'w'") == kMalformed);
  CHECK(connect("00 04 'MQTT' 04 06 00 3C 00 01 'c' 00 01 'w' 00 00") == kFine);
}

TEST_CASE("[MQTT-3.1.3-11] [MQTT-4.7.0-1] a Will Topic is a valid Topic Name") {
  const auto will = [](std::string_view topic) {
    return connect("00 04 'MQTT' 05 06 00 3C 00 00 01 'c' 00 " + std::string(topic) + " 00 00");
  };
  CHECK(will("00 03 'a/b'") == kFine);
  CHECK(will("00 00") == ReasonCode::topic_name_invalid);
  CHECK(will("00 03 'a/+'") == ReasonCode::topic_name_invalid);
  CHECK(will("00 01 '#'") == ReasonCode::topic_name_invalid);
  CHECK(will("00 02 C3 28") == kMalformed);
  CHECK(will("00 01 00") == kMalformed);
}

TEST_CASE("[MQTT-3.1.2-17] [MQTT-3.1.2-19] a flag without its field is malformed; 3.1 takes it as not sent") {
  CHECK(connect("00 04 'MQTT' 05 82 00 3C 00 00 01 'c'") == kMalformed);
  CHECK(connect("00 04 'MQTT' 04 82 00 3C 00 01 'c'") == kMalformed);
  CHECK(connect("00 04 'MQTT' 04 C2 00 3C 00 01 'c' 00 01 'u'") == kMalformed);
  const Received neither(0x10, "00 06 'MQIsdp' 03 C2 00 3C 00 01 'c'");
  REQUIRE(decode_connect(neither.frame));
  CHECK_FALSE(decode_connect(neither.frame)->user_name);
  const Received one(0x10, "00 06 'MQIsdp' 03 C2 00 3C 00 01 'c' 00 01 'u'");
  REQUIRE(decode_connect(one.frame));
  CHECK(decode_connect(one.frame)->user_name == "u");
  CHECK_FALSE(decode_connect(one.frame)->password);
  CHECK(connect("00 06 'MQIsdp' 03 C2 00 3C 00 01 'c' 00 05 'u'") == kMalformed);
}

TEST_CASE("[MQTT-3.1.2-16] [MQTT-3.1.2-18] [MQTT-3.1.4-1] bytes behind the last field are malformed") {
  CHECK(connect("00 04 'MQTT' 05 02 00 3C 00 00 01 'c' 00 01 'u'") == kMalformed);
  CHECK(connect("00 04 'MQTT' 05 82 00 3C 00 00 01 'c' 00 01 'u' 00 01 'p'") == kMalformed);
  CHECK(connect("00 04 'MQTT' 04 02 00 3C 00 01 'c' 00") == kMalformed);
  CHECK(connect("00 06 'MQIsdp' 03 02 00 3C 00 01 'c' 00") == kMalformed);
}

TEST_CASE("[3.1.1: MQTT-3.1.2-22] a password without a user name is malformed, but fine in 5") {
  CHECK(connect("00 04 'MQTT' 04 42 00 3C 00 01 'c' 00 01 'p'") == kMalformed);
  CHECK(connect("00 06 'MQIsdp' 03 42 00 3C 00 01 'c' 00 01 'p'") == kMalformed);
  const Received v5(0x10, "00 04 'MQTT' 05 42 00 3C 00 00 01 'c' 00 01 'p'");
  REQUIRE(decode_connect(v5.frame));
  CHECK(decode_connect(v5.frame)->password == "p");
  CHECK_FALSE(decode_connect(v5.frame)->user_name);
}

TEST_CASE("[MQTT-3.1.3-3] [MQTT-3.1.3-4] a Client Identifier is there and UTF-8; its length is not decided here") {
  CHECK(connect("00 04 'MQTT' 05 02 00 3C 00") == kMalformed);
  CHECK(connect("00 04 'MQTT' 05 02 00 3C 00 00 02 'c'") == kMalformed);
  CHECK(connect("00 04 'MQTT' 05 02 00 3C 00 00 02 C0 80") == kMalformed);
  CHECK(connect("00 04 'MQTT' 05 02 00 3C 00 00 03 ED A0 80") == kMalformed);
  CHECK(connect("00 04 'MQTT' 04 02 00 3C 00 01 00") == kMalformed);
  CHECK(connect("00 04 'MQTT' 04 02 00 3C 00 00") == kFine);
  CHECK(connect("00 06 'MQIsdp' 03 02 00 3C 00 1E 'a client id that 3.1 disallows'") == kFine);
}

TEST_CASE("[MQTT-3.1.3-12] a user name is UTF-8; a password is any bytes") {
  CHECK(connect("00 04 'MQTT' 05 C2 00 3C 00 00 01 'c' 00 01 FF 00 01 'p'") == kMalformed);
  CHECK(connect("00 04 'MQTT' 05 C2 00 3C 00 00 01 'c' 00 00 00 01 FF") == kFine);
}

TEST_CASE("Authentication Data without an Authentication Method is a protocol error") {
  CHECK(connect("00 04 'MQTT' 05 02 00 3C 04 16 00 01 'd' 00 01 'c'") == kProtocolError);
  CHECK(connect("00 04 'MQTT' 05 02 00 3C 08 16 00 01 'd' 15 00 01 'm' 00 01 'c'") == kFine);
}

TEST_CASE("[MQTT-3.3.2-14] the Response Topic of a Will has no wildcard") {
  CHECK(connect("00 04 'MQTT' 05 06 00 3C 00 00 01 'c' 06 08 00 03 'r/+' 00 01 'w' 00 00") == kProtocolError);
  CHECK(connect("00 04 'MQTT' 05 06 00 3C 00 00 01 'c' 06 08 00 03 'r/a' 00 01 'w' 00 00") == kFine);
}

TEST_CASE("[MQTT-3.1.4-1] a CONNECT cut off anywhere is malformed") {
  const std::string whole =
      hex("00 04 'MQTT' 05 C6 00 3C 05 11 00 00 00 09 00 01 'c' 05 18 00 00 00 01 00 01 'w' 00 02 'hi' 00 01 'u' 00 01 "
          "'p'");
  REQUIRE(decode_connect(Frame{PacketType::connect, 0, whole, 0, 0}));
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const Frame frame{PacketType::connect, 0, std::string_view(whole).substr(0, size), 0, 0};
    CAPTURE(size);
    CHECK(code_of(decode_connect(frame)) == kMalformed);
  }
}

}  // namespace bramble::mqtt
