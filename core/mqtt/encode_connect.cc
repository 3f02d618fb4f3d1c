#include "core/mqtt/append.h"
#include "core/mqtt/encode.h"
#include "core/mqtt/properties.h"

namespace bramble::mqtt {

namespace {

unsigned connect_flags(const Connect& connect) {
  unsigned flags = connect.clean_start ? 2u : 0u;
  if (connect.will) {
    flags |= 4u | static_cast<unsigned>(connect.will->qos) << 3 | (connect.will->retain ? 32u : 0u);
  }
  if (connect.password) flags |= 64u;
  if (connect.user_name) flags |= 128u;
  return flags;
}

void append_properties(std::string& out, const Connect& connect) {
  PropertyWriter writer(out, in_connect);
  if (connect.session_expiry != 0) writer.number(PropertyId::session_expiry_interval, connect.session_expiry);
  if (connect.receive_maximum != kReceiveMaximumDefault) {
    writer.number(PropertyId::receive_maximum, connect.receive_maximum);
  }
  if (connect.maximum_packet_size != 0) writer.number(PropertyId::maximum_packet_size, connect.maximum_packet_size);
  if (connect.topic_alias_maximum != 0) writer.number(PropertyId::topic_alias_maximum, connect.topic_alias_maximum);
  if (connect.request_response_information) writer.number(PropertyId::request_response_information, 1);
  if (connect.request_problem_information) {
    writer.number(PropertyId::request_problem_information, *connect.request_problem_information ? 1 : 0);
  }
  if (connect.authentication_method) writer.text(PropertyId::authentication_method, *connect.authentication_method);
  if (connect.authentication_data) writer.text(PropertyId::authentication_data, *connect.authentication_data);
  writer.finish();
}

void append_will(std::string& out, Version version, const WillFields& will) {
  if (version == Version::v5) {
    PropertyWriter writer(out, in_will);
    if (will.delay_seconds != 0) writer.number(PropertyId::will_delay_interval, will.delay_seconds);
    if (will.message_expiry != kNoExpiry) writer.number(PropertyId::message_expiry_interval, will.message_expiry);
    for (const auto piece : will.properties.pieces) writer.encoded(piece);
    writer.finish();
  }
  append_prefixed(out, will.topic);
  append_prefixed(out, will.payload);
}

}  // namespace

void append_connect(std::string& out, const Connect& connect) {
  const std::size_t body = append_first_byte(out, PacketType::connect);
  append_prefixed(out, connect.version == Version::v3_1 ? "MQIsdp" : "MQTT");
  append_u8(out, static_cast<std::uint8_t>(static_cast<unsigned>(connect.version) | (connect.bridge ? 128u : 0u)));
  append_u8(out, static_cast<std::uint8_t>(connect_flags(connect)));
  append_u16(out, connect.keep_alive);
  if (connect.version == Version::v5) append_properties(out, connect);
  append_prefixed(out, connect.client_id);
  if (connect.will) append_will(out, connect.version, *connect.will);
  if (connect.user_name) append_prefixed(out, *connect.user_name);
  if (connect.password) append_prefixed(out, *connect.password);
  insert_length(out, body);
}

}  // namespace bramble::mqtt
