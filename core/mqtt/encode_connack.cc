#include "core/mqtt/append.h"
#include "core/mqtt/encode.h"
#include "core/mqtt/properties.h"

namespace bramble::mqtt {

namespace {

void append_properties(std::string& out, const Connack& connack) {
  PropertyWriter writer(out, in_connack);
  const auto number = [&writer](PropertyId id, const auto& value) {
    if (value) writer.number(id, static_cast<std::uint32_t>(*value));
  };
  const auto text = [&writer](PropertyId id, const std::optional<std::string_view>& value) {
    if (value) writer.text(id, *value);
  };
  // the order of Mosquitto 2.1, so that captures show no difference
  number(PropertyId::topic_alias_maximum, connack.topic_alias_maximum);
  text(PropertyId::assigned_client_identifier, connack.assigned_client_identifier);
  number(PropertyId::session_expiry_interval, connack.session_expiry);
  number(PropertyId::server_keep_alive, connack.server_keep_alive);
  number(PropertyId::maximum_qos, connack.maximum_qos);
  number(PropertyId::retain_available, connack.retain_available);
  text(PropertyId::reason_string, connack.reason_string);
  text(PropertyId::response_information, connack.response_information);
  number(PropertyId::maximum_packet_size, connack.maximum_packet_size);
  number(PropertyId::receive_maximum, connack.receive_maximum);
  writer.finish();
}

}  // namespace

void append_connack(std::string& out, Version version, const Connack& connack) {
  const bool is_v5 = version == Version::v5;
  const std::uint8_t code =
      is_v5 ? static_cast<std::uint8_t>(code_for(in_connack, connack.code)) : connack_return_code(connack.code);
  if (failed(connack.code) && code == 0) return;  // 3.x has no word for it
  const std::size_t body = append_first_byte(out, PacketType::connack);
  const bool present = connack.session_present && !failed(connack.code) && version != Version::v3_1;  // [MQTT-3.2.2-6]
  append_u8(out, present ? 1 : 0);
  append_u8(out, code);
  if (is_v5) append_properties(out, connack);
  insert_length(out, body);
}

}  // namespace bramble::mqtt
