#include "core/base/bytes.h"
#include "core/mqtt/decode.h"
#include "core/mqtt/message_properties.h"

namespace bramble::mqtt {

namespace {

Failure cut_short() { return malformed("a PUBLISH that ends inside its variable header"); }

/// Fills in what the properties say, and the payload behind them. Out of line, with a reader of its own: most PUBLISHes
/// have none, and theirs then stays in registers.
[[gnu::noinline]] Result<void> read_properties(std::string_view from_properties, Sender sender, Publish& publish) {
  ByteReader body(from_properties);
  PropertyReader properties(body, in_publish);
  ForwardedPieces forwarded(properties.position());
  for (Property property; properties.next(property);) {
    switch (property.id) {
      case PropertyId::topic_alias:
        publish.topic_alias = static_cast<std::uint16_t>(property.number);
        forwarded.cut_out(property);
        publish.forwarded_whole = false;
        break;
      case PropertyId::message_expiry_interval:
        if (property.number == kNoExpiry) break;  // 136 years never end: it goes on as it came
        publish.message_expiry = property.number;
        forwarded.cut_out(property);
        publish.forwarded_whole = false;
        break;
      case PropertyId::payload_format_indicator:
        publish.payload_format = static_cast<std::uint8_t>(property.number);
        break;
      case PropertyId::response_topic:
        if (const auto valid = check_response_topic(property.text); !valid) return Failure(valid.error());
        publish.response_topic = property.text;
        break;
      case PropertyId::subscription_identifier:
        if (sender == Sender::client) return protocol_error("a client's Subscription Identifier  [MQTT-3.3.4-6]");
        break;
      default: break;
    }
  }
  if (properties.failed()) return properties.failure();
  publish.properties = forwarded.finish(properties.position());
  publish.payload = body.rest();
  return {};
}

Result<void> read_publish(const Frame& frame, Version version, Sender sender, Publish& publish) {
  const unsigned qos = (frame.flags >> 1) & 3u;
  const bool dup = (frame.flags & 8u) != 0;
  if (qos == 3) return malformed("both QoS bits are set  [MQTT-3.3.1-4]");
  if (qos == 0 && dup) return malformed("DUP is set at QoS 0  [MQTT-3.3.1-2]");

  ByteReader body(frame.body);
  publish.topic = body.prefixed();
  publish.qos = static_cast<Qos>(qos);
  publish.retain = (frame.flags & 1u) != 0;
  publish.dup = dup;
  if (qos > 0) publish.packet_id = body.u16();
  if (body.failed()) return cut_short();
  if (qos > 0 && publish.packet_id == 0) return protocol_error("Packet Identifier 0  [MQTT-2.2.1-3]");

  const bool has_properties = version == Version::v5 && (body.empty() || *body.position() != 0);
  if (has_properties) {
    if (const auto read = read_properties(body.rest(), sender, publish); !read) return read;
  } else {
    if (version == Version::v5) body.u8();  // Property Length 0
    publish.payload = body.rest();
  }
  if (publish.topic.empty() && !publish.topic_alias) {
    return protocol_error("neither a Topic Name nor a Topic Alias  [MQTT-4.7.3-1]");
  }
  return {};
}

}  // namespace

Result<void> check_response_topic(std::string_view topic) {
  if (!has_wildcard(topic)) return {};
  return protocol_error("a Response Topic with a wildcard  [MQTT-3.3.2-14]");
}

Result<Publish> decode_publish(const Frame& frame, Version version, Sender sender) {
  Result<Publish> result;  // filled in where it will lie: copying a Publish would double the cost
  if (const auto read = read_publish(frame, version, sender, *result); !read) result = Failure(read.error());
  return result;
}

}  // namespace bramble::mqtt
