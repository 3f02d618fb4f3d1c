#include "core/base/bytes.h"
#include "core/mqtt/decode.h"
#include "core/mqtt/properties.h"
#include "core/mqtt/utf8.h"

namespace bramble::mqtt {

namespace {

Failure cut_short() { return malformed("a list of Topic Filters that ends inside an entry"); }
Failure not_utf8() { return malformed("a Topic Filter that is not UTF-8  [MQTT-3.8.3-1] [MQTT-3.10.3-1]"); }
Failure no_packet_id() { return protocol_error("Packet Identifier 0  [MQTT-2.2.1-3]"); }

Result<SubscriptionOptions> read_options(unsigned bits, Version version) {
  const bool is_v5 = version == Version::v5;
  const unsigned reserved = is_v5 ? 0xC0u : 0xFCu;
  if (bits & reserved) return malformed("reserved Subscription Options are set  [MQTT-3.8.3-5]");
  const unsigned qos = bits & 3u;
  if (qos == 3) return is_v5 ? protocol_error("Maximum QoS 3") : malformed("QoS 3  [3.1.1: MQTT-3-8.3-4]");
  const unsigned retain_handling = (bits >> 4) & 3u;
  if (retain_handling == 3) return protocol_error("Retain Handling 3");
  return SubscriptionOptions{.qos = static_cast<Qos>(qos),
                             .no_local = (bits & 4u) != 0,
                             .retain_as_published = (bits & 8u) != 0,
                             .retain_handling = static_cast<RetainHandling>(retain_handling)};
}

Result<void> read_properties(ByteReader& body, Subscribe& subscribe) {
  PropertyReader properties(body, in_subscribe);
  for (Property property; properties.next(property);) {
    if (property.id == PropertyId::subscription_identifier) subscribe.subscription_identifier = property.number;
  }
  if (properties.failed()) return properties.failure();
  return {};
}

}  // namespace

Result<Subscribe> decode_subscribe(const Frame& frame, Version version, FilterSlice slice) {
  Subscribe subscribe;
  ByteReader body(frame.body);
  subscribe.packet_id = body.u16();
  if (body.failed()) return cut_short();
  if (subscribe.packet_id == 0) return no_packet_id();
  if (version == Version::v5) {
    if (const auto read = read_properties(body, subscribe); !read) return Failure(read.error());
  }
  if (slice.from != 0) body = ByteReader(frame.body.substr(slice.from));
  while (!body.empty() && subscribe.entries.size() < slice.most) {
    const auto filter = body.prefixed();
    const unsigned bits = body.u8();
    if (body.failed()) return cut_short();
    if (!valid_utf8(filter)) return not_utf8();
    const auto options = read_options(bits, version);
    if (!options) return Failure(options.error());
    subscribe.entries.push_back({filter, *options});
  }
  if (subscribe.entries.empty()) return protocol_error("a SUBSCRIBE without a Topic Filter  [MQTT-3.8.3-2]");
  subscribe.next = frame.body.size() - body.left();
  return subscribe;
}

Result<Unsubscribe> decode_unsubscribe(const Frame& frame, Version version, FilterSlice slice) {
  Unsubscribe unsubscribe;
  ByteReader body(frame.body);
  unsubscribe.packet_id = body.u16();
  if (body.failed()) return cut_short();
  if (unsubscribe.packet_id == 0) return no_packet_id();
  if (version == Version::v5) {
    if (const auto skipped = skip_properties(body, in_unsubscribe); !skipped) return Failure(skipped.error());
  }
  if (slice.from != 0) body = ByteReader(frame.body.substr(slice.from));
  while (!body.empty() && unsubscribe.filters.size() < slice.most) {
    const auto filter = body.prefixed();
    if (body.failed()) return cut_short();
    if (!valid_utf8(filter)) return not_utf8();
    unsubscribe.filters.push_back(filter);
  }
  if (unsubscribe.filters.empty()) return protocol_error("an UNSUBSCRIBE without a Topic Filter  [MQTT-3.10.3-2]");
  unsubscribe.next = frame.body.size() - body.left();
  return unsubscribe;
}

}  // namespace bramble::mqtt
