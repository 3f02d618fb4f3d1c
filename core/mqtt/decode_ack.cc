#include "core/base/bytes.h"
#include "core/base/check.h"
#include "core/mqtt/decode.h"
#include "core/mqtt/properties.h"

namespace bramble::mqtt {

namespace {

Failure cut_short() { return malformed("a packet that ends inside its variable header"); }
Failure left_over() { return malformed("bytes behind the last field of a packet"); }
Failure bad_code() { return protocol_error("a Reason Code that this packet may not carry"); }

Place ack_place(PacketType type) {
  switch (type) {
    case PacketType::puback: return in_puback;
    case PacketType::pubrec: return in_pubrec;
    case PacketType::pubrel: return in_pubrel;
    case PacketType::pubcomp: return in_pubcomp;
    default: check(false, "decode_ack of another packet");
  }
  return nowhere;
}

}  // namespace

Result<Ack> decode_ack(const Frame& frame, Version version) {
  ByteReader body(frame.body);
  Ack ack{.packet_id = body.u16(), .code = ReasonCode::success};
  if (body.failed()) return cut_short();
  if (ack.packet_id == 0) return protocol_error("Packet Identifier 0  [MQTT-2.2.1-5]");
  if (body.empty()) return ack;  // in MQTT 5 this says success
  if (version != Version::v5) return left_over();
  const Place place = ack_place(frame.type);
  ack.code = static_cast<ReasonCode>(body.u8());
  if (!allowed_in(ack.code, place)) return bad_code();
  if (body.empty()) return ack;
  if (const auto skipped = skip_properties(body, place); !skipped) return Failure(skipped.error());
  if (!body.empty()) return left_over();
  return ack;
}

Result<Disconnect> decode_disconnect(const Frame& frame, Version version, Sender sender) {
  Disconnect disconnect;
  ByteReader body(frame.body);
  if (body.empty()) return disconnect;
  if (version != Version::v5) return left_over();
  const Place place = sender == Sender::client ? in_client_disconnect : in_server_disconnect;
  disconnect.code = static_cast<ReasonCode>(body.u8());
  if (!allowed_in(disconnect.code, place)) return bad_code();  // [MQTT-3.14.2-1]
  if (body.empty()) return disconnect;
  PropertyReader properties(body, place);
  for (Property property; properties.next(property);) {
    if (property.id == PropertyId::session_expiry_interval) disconnect.session_expiry = property.number;
  }
  if (properties.failed()) return properties.failure();
  if (!body.empty()) return left_over();
  return disconnect;
}

Result<Auth> decode_auth(const Frame& frame, Version version) {
  if (version != Version::v5) return protocol_error("an AUTH before MQTT 5");
  Auth auth;
  ByteReader body(frame.body);
  if (body.empty()) return auth;
  auth.code = static_cast<ReasonCode>(body.u8());
  if (!allowed_in(auth.code, in_auth)) return bad_code();  // [MQTT-3.15.2-1]
  PropertyReader properties(body, in_auth);
  for (Property property; properties.next(property);) {
    if (property.id == PropertyId::authentication_method) auth.authentication_method = property.text;
  }
  if (properties.failed()) return properties.failure();
  if (!body.empty()) return left_over();
  if (!auth.authentication_method) return protocol_error("an AUTH without an Authentication Method");
  return auth;
}

Result<void> decode_pingreq(const Frame& frame) {
  if (!frame.body.empty()) return left_over();
  return {};
}

}  // namespace bramble::mqtt
