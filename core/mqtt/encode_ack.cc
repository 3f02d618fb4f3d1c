#include "core/mqtt/append.h"
#include "core/mqtt/encode.h"
#include "core/mqtt/properties.h"

namespace bramble::mqtt {

namespace {

Place ack_place(PacketType type) {
  switch (type) {
    case PacketType::puback: return in_puback;
    case PacketType::pubrec: return in_pubrec;
    case PacketType::pubrel: return in_pubrel;
    case PacketType::pubcomp: return in_pubcomp;
    default: check(false, "append_ack of another packet");
  }
  return nowhere;
}

void append_empty(std::string& out, PacketType type) {
  append_first_byte(out, type);
  append_u8(out, 0);
}

/// Reason Code and, if there is one, Reason String: the end of an acknowledgement or DISCONNECT in MQTT 5.
void append_reason(std::string& out, Place place, ReasonCode code, std::string_view reason_string) {
  check(allowed_in(code, place), "a Reason Code that this packet may not carry");
  append_u8(out, static_cast<std::uint8_t>(code));
  if (reason_string.empty()) return;
  PropertyWriter writer(out, place);
  writer.text(PropertyId::reason_string, reason_string);
  writer.finish();
}

std::uint8_t ack_flags(PacketType type) { return type == PacketType::pubrel ? 2 : 0; }

}  // namespace

void write_short_ack(char* to, PacketType type, PacketId id) {
  ByteWriter writer(to);
  writer.u8(first_byte(type, ack_flags(type)));
  writer.u8(2);
  writer.u16(id);
}

void append_ack(std::string& out, Version version, PacketType type, PacketId id, ReasonCode code,
                std::string_view reason_string) {
  const bool says_why = version == Version::v5 && (code != ReasonCode::success || !reason_string.empty());
  if (!says_why) [[likely]] {
    char bytes[kShortAck];
    write_short_ack(bytes, type, id);
    out.append(bytes, sizeof bytes);
    return;
  }
  const std::size_t body = append_first_byte(out, type, ack_flags(type));
  append_u16(out, id);
  append_reason(out, ack_place(type), code, reason_string);
  insert_length(out, body);
}

void append_pingreq(std::string& out) { append_empty(out, PacketType::pingreq); }

void append_pingresp(std::string& out) { append_empty(out, PacketType::pingresp); }

void append_disconnect(std::string& out, Version version, ReasonCode code, std::string_view reason_string) {
  if (version != Version::v5 || (code == ReasonCode::success && reason_string.empty())) {
    append_empty(out, PacketType::disconnect);
    return;
  }
  const std::size_t body = append_first_byte(out, PacketType::disconnect);
  const Place place = allowed_in(code, in_client_disconnect) ? in_client_disconnect : in_server_disconnect;
  append_reason(out, place, code_for(place, code), reason_string);
  insert_length(out, body);
}

void append_auth(std::string& out, ReasonCode code, std::string_view authentication_method) {
  check(allowed_in(code, in_auth), "a Reason Code that this packet may not carry");
  const std::size_t body = append_first_byte(out, PacketType::auth);
  append_u8(out, static_cast<std::uint8_t>(code));
  PropertyWriter writer(out, in_auth);
  writer.text(PropertyId::authentication_method, authentication_method);
  writer.finish();
  insert_length(out, body);
}

}  // namespace bramble::mqtt
