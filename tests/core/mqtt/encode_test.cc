#include "core/mqtt/encode.h"

#include <array>
#include <functional>

#include "tests/core/mqtt/received.h"

namespace bramble::mqtt {

using test::hex;

namespace {

/// What is appended, told apart from what was there before.
template <class Append>
std::string appended(Append append) {
  std::string out = "before";
  append(out);
  REQUIRE(out.starts_with("before"));
  return out.substr(6);
}

std::string publish(Version version, const PublishHeader& header, const PublishContent& content) {
  const auto out = appended([&](std::string& to) { append_publish(to, version, header, content); });
  CHECK(out.size() == publish_size(version, header, content));
  std::string pieces(publish_head_size(version, header, content), '\0');
  char* end = write_publish_head(pieces.data(), version, header, content);
  CHECK(end == pieces.data() + pieces.size());
  CHECK(pieces + std::string(content.payload) == out);
  return out;
}

Connack answer(ReasonCode code, bool session_present = false) {
  Connack connack;
  connack.code = code;
  connack.session_present = session_present;
  return connack;
}

}  // namespace

TEST_CASE("PUBLISH before 5") {
  const PublishContent content{"a/b", {{"\x01\x01"}}, "hello"};
  CHECK(publish(Version::v3_1_1, {}, content) == hex("30 0A 00 03 'a/b' 'hello'"));
  PublishHeader header{.qos = Qos::exactly_once, .retain = true, .dup = true, .packet_id = 0x1234};
  header.message_expiry = 5;
  header.topic_alias = 3;
  header.topic_omitted = true;  // 3.x has none of these
  CHECK(publish(Version::v3_1, header, content) == hex("3D 0C 00 03 'a/b' 12 34 'hello'"));
}

TEST_CASE("PUBLISH of 5: own properties, then the expiry, then the others as received") {
  PublishContent content{"a", {}, "p"};
  CHECK(publish(Version::v5, {}, content) == hex("30 05 00 01 'a' 00 'p'"));
  const std::string one = hex("01 01"), two = hex("26 00 01 'k' 00 01 'v'");
  content.properties.pieces = {one, "", two};
  const std::array<std::uint32_t, 2> ids{5, 200};
  PublishHeader header{.qos = Qos::at_least_once, .packet_id = 9};
  header.message_expiry = 0x0102'0304;
  header.topic_alias = 0x0A0B;
  header.subscription_identifiers = ids;
  CHECK(publish(Version::v5, header, content) ==
        hex("32 1D 00 01 'a' 00 09 16 23 0A 0B 0B 05 0B C8 01 02 01 02 03 04 01 01 26 00 01 'k' 00 01 'v' 'p'"));
  header.topic_omitted = true;
  CHECK(publish(Version::v5, header, content).substr(0, 6) == hex("32 1C 00 00 00 09"));
}

TEST_CASE("[MQTT-3.3.2-6] a Message Expiry Interval of 0 is sent, an absent one is not") {
  PublishHeader header;
  header.message_expiry = 0;
  CHECK(publish(Version::v5, header, {"a", {}, ""}) == hex("30 09 00 01 'a' 05 02 00 00 00 00"));
}

TEST_CASE("PUBLISH at the edges of its Remaining Length") {
  for (const std::size_t size : {0u, 123u, 124u, 125u, 16'379u, 16'380u, 2'097'147u, 2'097'148u}) {
    const std::string payload(size, 'x');
    const auto bytes = publish(Version::v5, {}, {"a", {}, payload});
    const auto frame = next_frame(bytes, 0);
    REQUIRE(frame);
    CHECK(frame->size == bytes.size());
    CHECK(frame->body.size() == 4 + size);
  }
}

TEST_CASE("CONNACK") {
  const auto connack = [](Version version, const Connack& packet) {
    return appended([&](std::string& out) { append_connack(out, version, packet); });
  };
  CHECK(connack(Version::v3_1_1, answer(ReasonCode::success, true)) == hex("20 02 01 00"));
  CHECK(connack(Version::v3_1, answer(ReasonCode::success, true)) == hex("20 02 00 00"));
  CHECK(connack(Version::v3_1_1, answer(ReasonCode::not_authorized)) == hex("20 02 00 05"));
  CHECK(connack(Version::v5, {}) == hex("20 03 00 00 00"));
  CHECK(connack(Version::v5, answer(ReasonCode::banned)) == hex("20 03 00 8A 00"));

  Connack all;
  all.session_expiry = 1;
  all.receive_maximum = std::uint16_t{2};
  all.maximum_qos = Qos::at_least_once;
  all.retain_available = false;
  all.maximum_packet_size = 3;
  all.assigned_client_identifier = "id";
  all.topic_alias_maximum = std::uint16_t{4};
  all.reason_string = "r";
  all.server_keep_alive = std::uint16_t{5};
  all.response_information = "i";
  CHECK(connack(Version::v5, all) ==
        hex("20 27 00 00 24 22 00 04 12 00 02 'id' 11 00 00 00 01 13 00 05 24 01 25 00 1F 00 01 'r' 1A 00 01 'i' 27 00 "
            "00 00 03 21 00 02"));
}

TEST_CASE("[MQTT-3.2.2-6] a CONNACK that refuses has no Session Present") {
  std::string out;
  append_connack(out, Version::v5, answer(ReasonCode::server_busy, true));
  append_connack(out, Version::v3_1_1, answer(ReasonCode::server_busy, true));
  CHECK(out == hex("20 03 00 89 00 20 02 00 03"));
}

TEST_CASE("[MQTT-3.2.2-8] a CONNACK has one of its own codes, or is not sent where 3.x has none") {
  std::string out;
  append_connack(out, Version::v3_1_1, answer(ReasonCode::malformed_packet));
  append_connack(out, Version::v3_1, answer(ReasonCode::protocol_error));
  CHECK(out.empty());
  append_connack(out, Version::v5, answer(ReasonCode::session_taken_over));
  CHECK(out == hex("20 03 00 80 00"));
}

TEST_CASE("PUBACK, PUBREC, PUBREL and PUBCOMP are as short as they can be") {
  const auto ack = [](Version version, PacketType type, ReasonCode code, std::string_view reason) {
    return appended([&](std::string& out) { append_ack(out, version, type, 0x1234, code, reason); });
  };
  CHECK(ack(Version::v5, PacketType::puback, ReasonCode::success, {}) == hex("40 02 12 34"));
  CHECK(ack(Version::v5, PacketType::pubrec, ReasonCode::quota_exceeded, {}) == hex("50 03 12 34 97"));
  CHECK(ack(Version::v5, PacketType::pubrel, ReasonCode::packet_identifier_not_found, {}) == hex("62 03 12 34 92"));
  CHECK(ack(Version::v5, PacketType::pubcomp, ReasonCode::success, "ok") == hex("70 09 12 34 00 05 1F 00 02 'ok'"));
  CHECK(ack(Version::v3_1_1, PacketType::pubrec, ReasonCode::quota_exceeded, "no") == hex("50 02 12 34"));
  CHECK(ack(Version::v3_1, PacketType::pubrel, ReasonCode::success, {}) == hex("62 02 12 34"));
}

TEST_CASE("SUBSCRIBE and UNSUBSCRIBE") {
  Subscribe subscribe{.packet_id = 10, .subscription_identifier = 300, .entries = {}};
  subscribe.entries.push_back({"a/+", {Qos::at_least_once, true, true, RetainHandling::do_not_send}});
  subscribe.entries.push_back({"b", {.qos = Qos::exactly_once}});
  const auto written = [&](Version version) {
    return appended([&](std::string& out) { append_subscribe(out, version, subscribe); });
  };
  CHECK(written(Version::v5) == hex("82 10 00 0A 03 0B AC 02 00 03 'a/+' 2D 00 01 'b' 02"));
  CHECK(written(Version::v3_1_1) == hex("82 0C 00 0A 00 03 'a/+' 01 00 01 'b' 02"));
  std::string out;
  append_unsubscribe(out, Version::v5, {.packet_id = 1, .filters = {"a", "b/#"}});
  append_unsubscribe(out, Version::v3_1, {.packet_id = 2, .filters = {"a"}});
  CHECK(out == hex("A2 0B 00 01 00 00 01 'a' 00 03 'b/#' A2 05 00 02 00 01 'a'"));
}

TEST_CASE("[MQTT-3.9.3-1] [MQTT-3.11.3-1] SUBACK and UNSUBACK have one code a filter, in order") {
  const std::array codes{ReasonCode::granted_qos_1, ReasonCode::not_authorized, ReasonCode::success};
  std::string out;
  append_suback(out, Version::v5, 7, codes);
  CHECK(out == hex("90 06 00 07 00 01 87 00"));
  out.clear();
  append_suback(out, Version::v3_1_1, 7, codes);  // [3.1.1: MQTT-3.9.3-2]
  CHECK(out == hex("90 05 00 07 01 80 00"));
  out.clear();
  append_unsuback(out, Version::v5, 7, codes);
  append_unsuback(out, Version::v3_1_1, 8, codes);
  CHECK(out == hex("B0 06 00 07 00 01 87 00 B0 02 00 08"));
}

TEST_CASE("PINGREQ, PINGRESP, DISCONNECT and AUTH") {
  std::string out;
  append_pingreq(out);
  append_pingresp(out);
  CHECK(out == hex("C0 00 D0 00"));
  out.clear();
  append_disconnect(out, Version::v5, ReasonCode::success);
  append_disconnect(out, Version::v3_1_1, ReasonCode::server_busy, "no words in 3.1.1");
  CHECK(out == hex("E0 00 E0 00"));
  out.clear();
  append_disconnect(out, Version::v5, ReasonCode::session_taken_over);
  append_disconnect(out, Version::v5, ReasonCode::disconnect_with_will);
  append_disconnect(out, Version::v5, ReasonCode::quota_exceeded, "full");
  CHECK(out == hex("E0 01 8E E0 01 04 E0 09 97 07 1F 00 04 'full'"));
  out.clear();
  append_disconnect(out, Version::v5, ReasonCode::packet_identifier_in_use);  // [MQTT-3.14.2-1]
  CHECK(out == hex("E0 01 80"));
  out.clear();
  append_auth(out, ReasonCode::continue_authentication, "m");
  CHECK(out == hex("F0 06 18 04 15 00 01 'm'"));
}

TEST_CASE("CONNECT of each version") {
  Connect connect;
  connect.client_id = "c";
  connect.keep_alive = 60;
  connect.version = Version::v3_1;
  std::string out;
  append_connect(out, connect);
  CHECK(out == hex("10 0F 00 06 'MQIsdp' 03 02 00 3C 00 01 'c'"));
  out.clear();
  connect.version = Version::v3_1_1;
  connect.bridge = true;
  connect.clean_start = false;
  connect.user_name = "u";
  connect.password = "p";
  append_connect(out, connect);
  CHECK(out == hex("10 13 00 04 'MQTT' 84 C0 00 3C 00 01 'c' 00 01 'u' 00 01 'p'"));
}

}  // namespace bramble::mqtt
