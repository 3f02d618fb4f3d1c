#include "core/base/bytes.h"
#include "core/mqtt/decode.h"
#include "core/mqtt/message_properties.h"
#include "core/mqtt/utf8.h"

namespace bramble::mqtt {

namespace {

constexpr unsigned kReservedFlag = 1u << 0;
constexpr unsigned kCleanStart = 1u << 1;
constexpr unsigned kWillFlag = 1u << 2;
constexpr unsigned kWillRetain = 1u << 5;
constexpr unsigned kPasswordFlag = 1u << 6;
constexpr unsigned kUserNameFlag = 1u << 7;
constexpr unsigned kBridgeBit = 1u << 7;

Failure cut_short() { return malformed("a CONNECT that ends before its last field"); }

Result<void> read_version(ByteReader& body, Connect& connect, Version* version_read) {
  const auto name = body.prefixed();
  const unsigned level = body.u8();
  if (body.failed()) return cut_short();
  const bool is_mqtt = name == "MQTT";
  if (!is_mqtt && name != "MQIsdp") {
    return failure(ReasonCode::unsupported_protocol_version, "an unknown protocol name  [MQTT-3.1.2-1]");
  }
  connect.bridge = (level & kBridgeBit) != 0;
  const unsigned number = level & ~kBridgeBit;
  connect.version = !is_mqtt ? Version::v3_1 : number > 4 ? Version::v5 : Version::v3_1_1;
  if (version_read) *version_read = connect.version;
  const bool bridge_allowed = connect.version != Version::v5;
  if (number != static_cast<unsigned>(connect.version) || (connect.bridge && !bridge_allowed)) {
    return failure(ReasonCode::unsupported_protocol_version, "an unknown protocol version  [MQTT-3.1.2-2]");
  }
  return {};
}

/// The byte of Connect Flags in itself.
Result<void> check_flags(unsigned flags, Version version) {
  if (version != Version::v3_1 && (flags & kReservedFlag)) return malformed("the reserved flag is set  [MQTT-3.1.2-3]");
  const unsigned will_qos = (flags >> 3) & 3u;
  if (will_qos == 3) return malformed("Will QoS 3  [MQTT-3.1.2-12]");
  if (!(flags & kWillFlag)) {
    if (will_qos != 0) return malformed("a Will QoS without a Will  [MQTT-3.1.2-11]");
    if (flags & kWillRetain) return malformed("Will Retain without a Will  [MQTT-3.1.2-13]");
  }
  if (version != Version::v5 && (flags & kPasswordFlag) && !(flags & kUserNameFlag)) {
    return malformed("a password without a user name  [3.1.1: MQTT-3.1.2-22]");
  }
  return {};
}

Result<void> read_properties(ByteReader& body, Connect& connect) {
  PropertyReader properties(body, in_connect);
  for (Property property; properties.next(property);) {
    switch (property.id) {
      case PropertyId::session_expiry_interval: connect.session_expiry = property.number; break;
      case PropertyId::receive_maximum: connect.receive_maximum = static_cast<std::uint16_t>(property.number); break;
      case PropertyId::maximum_packet_size: connect.maximum_packet_size = property.number; break;
      case PropertyId::topic_alias_maximum:
        connect.topic_alias_maximum = static_cast<std::uint16_t>(property.number);
        break;
      case PropertyId::request_response_information: connect.request_response_information = property.number != 0; break;
      case PropertyId::request_problem_information: connect.request_problem_information = property.number != 0; break;
      case PropertyId::authentication_method: connect.authentication_method = property.text; break;
      case PropertyId::authentication_data: connect.authentication_data = property.text; break;
      default: break;
    }
  }
  if (properties.failed()) return properties.failure();
  if (connect.authentication_data && !connect.authentication_method) {
    return protocol_error("Authentication Data without an Authentication Method");
  }
  return {};
}

Result<void> read_will_properties(ByteReader& body, WillFields& will) {
  PropertyReader properties(body, in_will);
  ForwardedPieces forwarded(properties.position());
  for (Property property; properties.next(property);) {
    switch (property.id) {
      case PropertyId::will_delay_interval:
        will.delay_seconds = property.number;
        forwarded.cut_out(property);
        break;
      case PropertyId::message_expiry_interval:
        if (property.number == kNoExpiry) break;  // as in a PUBLISH
        will.message_expiry = property.number;
        forwarded.cut_out(property);
        break;
      case PropertyId::response_topic:
        if (const auto valid = check_response_topic(property.text); !valid) return valid;
        break;
      default: break;
    }
  }
  if (properties.failed()) return properties.failure();
  will.properties = forwarded.finish(properties.position());
  return {};
}

Result<void> read_will(ByteReader& body, unsigned flags, Connect& connect) {
  WillFields& will = connect.will.emplace();
  will.qos = static_cast<Qos>((flags >> 3) & 3u);
  will.retain = (flags & kWillRetain) != 0;
  if (connect.version == Version::v5) {
    if (const auto read = read_will_properties(body, will); !read) return read;
  }
  will.topic = body.prefixed();
  will.payload = body.prefixed();
  if (body.failed()) return cut_short();
  if (!valid_utf8(will.topic)) return malformed("a Will Topic that is not UTF-8  [MQTT-3.1.3-11]");
  if (will.topic.empty() || has_wildcard(will.topic)) {
    return failure(ReasonCode::topic_name_invalid, "a Will Topic that is empty or has a wildcard  [MQTT-4.7.0-1]");
  }
  return {};
}

/// User name and password. In 3.1 the Remaining Length outranks their flags: a field that is not there is not sent.
Result<void> read_credentials(ByteReader& body, unsigned flags, Connect& connect) {
  const bool may_be_missing = connect.version == Version::v3_1;
  const auto is_next = [&](unsigned flag) { return (flags & flag) != 0 && !(may_be_missing && body.empty()); };
  if (is_next(kUserNameFlag)) connect.user_name = body.prefixed();
  if (is_next(kPasswordFlag)) connect.password = body.prefixed();
  if (body.failed()) return cut_short();
  if (connect.user_name && !valid_utf8(*connect.user_name)) {
    return malformed("a user name that is not UTF-8  [MQTT-3.1.3-12]");
  }
  return {};
}

Result<void> read_payload(ByteReader& body, unsigned flags, Connect& connect) {
  connect.client_id = body.prefixed();
  if (body.failed()) return malformed("no Client Identifier  [MQTT-3.1.3-3]");
  if (!valid_utf8(connect.client_id)) return malformed("a Client Identifier that is not UTF-8  [MQTT-3.1.3-4]");
  if (flags & kWillFlag) {
    if (const auto read = read_will(body, flags, connect); !read) return read;
  }
  if (const auto read = read_credentials(body, flags, connect); !read) return read;
  if (!body.empty()) return malformed("bytes behind the last field of a CONNECT  [MQTT-3.1.4-1]");
  return {};
}

}  // namespace

Result<Connect> decode_connect(const Frame& frame, Version* version_read) {
  Connect connect;
  ByteReader body(frame.body);
  if (const auto read = read_version(body, connect, version_read); !read) return Failure(read.error());
  const unsigned flags = body.u8();
  connect.keep_alive = body.u16();
  if (body.failed()) return cut_short();
  if (const auto valid = check_flags(flags, connect.version); !valid) return Failure(valid.error());
  connect.clean_start = (flags & kCleanStart) != 0;
  if (connect.version == Version::v5) {
    if (const auto read = read_properties(body, connect); !read) return Failure(read.error());
  } else {
    connect.session_expiry = connect.clean_start ? 0 : kSessionNeverExpires;
  }
  if (const auto read = read_payload(body, flags, connect); !read) return Failure(read.error());
  return connect;
}

}  // namespace bramble::mqtt
