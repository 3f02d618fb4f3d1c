#include "core/base/bytes.h"
#include "core/mqtt/decode.h"
#include "core/mqtt/properties.h"

namespace bramble::mqtt {

namespace {

Failure left_over() { return malformed("bytes behind the last field of a packet"); }

Result<void> read_properties(ByteReader& body, Connack& connack) {
  PropertyReader properties(body, in_connack);
  for (Property property; properties.next(property);) {
    const auto two_bytes = static_cast<std::uint16_t>(property.number);
    switch (property.id) {
      case PropertyId::session_expiry_interval: connack.session_expiry = property.number; break;
      case PropertyId::receive_maximum: connack.receive_maximum = two_bytes; break;
      case PropertyId::maximum_qos: connack.maximum_qos = static_cast<Qos>(property.number); break;
      case PropertyId::retain_available: connack.retain_available = property.number != 0; break;
      case PropertyId::maximum_packet_size: connack.maximum_packet_size = property.number; break;
      case PropertyId::assigned_client_identifier: connack.assigned_client_identifier = property.text; break;
      case PropertyId::topic_alias_maximum: connack.topic_alias_maximum = two_bytes; break;
      case PropertyId::reason_string: connack.reason_string = property.text; break;
      case PropertyId::server_keep_alive: connack.server_keep_alive = two_bytes; break;
      case PropertyId::response_information: connack.response_information = property.text; break;
      default: break;
    }
  }
  if (properties.failed()) return properties.failure();
  return {};
}

}  // namespace

Result<Connack> decode_connack(const Frame& frame, Version version) {
  Connack connack;
  ByteReader body(frame.body);
  const unsigned flags = body.u8();
  const std::uint8_t code = body.u8();
  if (body.failed()) return malformed("a CONNACK that ends inside its variable header");
  if (version != Version::v3_1 && flags > 1) return malformed("reserved flags are set  [MQTT-3.2.2-1]");
  connack.session_present = (flags & 1u) != 0;
  if (version == Version::v5) {
    connack.code = static_cast<ReasonCode>(code);
    if (!allowed_in(connack.code, in_connack)) return protocol_error("no Connect Reason Code  [MQTT-3.2.2-8]");
    if (const auto read = read_properties(body, connack); !read) return Failure(read.error());
  } else {
    connack.code = from_connack_return_code(code);
  }
  if (!body.empty()) return left_over();
  return connack;
}

Result<SubackView> decode_suback(const Frame& frame, Version version) {
  SubackView suback;
  ByteReader body(frame.body);
  suback.packet_id = body.u16();
  if (body.failed()) return malformed("an acknowledgement without a Packet Identifier");
  const bool is_unsuback = frame.type == PacketType::unsuback;
  if (version == Version::v5) {
    const Place place = is_unsuback ? in_unsuback : in_suback;
    if (const auto skipped = skip_properties(body, place); !skipped) return Failure(skipped.error());
  }
  suback.codes = body.rest();
  const bool has_codes = version == Version::v5 || !is_unsuback;
  if (has_codes == suback.codes.empty()) return malformed("not one code a Topic Filter");
  return suback;
}

}  // namespace bramble::mqtt
