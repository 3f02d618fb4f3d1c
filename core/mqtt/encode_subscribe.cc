#include "core/mqtt/append.h"
#include "core/mqtt/encode.h"
#include "core/mqtt/properties.h"

namespace bramble::mqtt {

namespace {

constexpr std::uint8_t kFixedFlags = 2;  // [MQTT-3.8.1-1] [MQTT-3.10.1-1]

unsigned option_bits(const SubscriptionOptions& options, Version version) {
  const auto qos = static_cast<unsigned>(options.qos);
  if (version != Version::v5) return qos;
  return qos | (options.no_local ? 4u : 0u) | (options.retain_as_published ? 8u : 0u) |
         static_cast<unsigned>(options.retain_handling) << 4;
}

void append_codes(std::string& out, PacketType type, Version version, PacketId id, std::span<const ReasonCode> codes) {
  const std::size_t body = append_first_byte(out, type);
  const bool is_v5 = version == Version::v5;
  append_u16(out, id);
  if (is_v5) append_u8(out, 0);  // no properties
  if (is_v5 || type == PacketType::suback) {
    for (const ReasonCode code : codes) {
      append_u8(out, is_v5 || !failed(code) ? static_cast<std::uint8_t>(code) : std::uint8_t{0x80});
    }
  }
  insert_length(out, body);
}

}  // namespace

void append_subscribe(std::string& out, Version version, const Subscribe& subscribe) {
  const std::size_t body = append_first_byte(out, PacketType::subscribe, kFixedFlags);
  append_u16(out, subscribe.packet_id);
  if (version == Version::v5) {
    PropertyWriter writer(out, in_subscribe);
    if (subscribe.subscription_identifier != 0) {
      writer.number(PropertyId::subscription_identifier, subscribe.subscription_identifier);
    }
    writer.finish();
  }
  for (const SubscribeEntry& entry : subscribe.entries) {
    append_prefixed(out, entry.filter);
    append_u8(out, static_cast<std::uint8_t>(option_bits(entry.options, version)));
  }
  insert_length(out, body);
}

void append_unsubscribe(std::string& out, Version version, const Unsubscribe& unsubscribe) {
  const std::size_t body = append_first_byte(out, PacketType::unsubscribe, kFixedFlags);
  append_u16(out, unsubscribe.packet_id);
  if (version == Version::v5) append_u8(out, 0);  // no properties
  for (const auto filter : unsubscribe.filters) append_prefixed(out, filter);
  insert_length(out, body);
}

void append_suback(std::string& out, Version version, PacketId id, std::span<const ReasonCode> codes) {
  append_codes(out, PacketType::suback, version, id, codes);
}

void append_unsuback(std::string& out, Version version, PacketId id, std::span<const ReasonCode> codes) {
  append_codes(out, PacketType::unsuback, version, id, codes);
}

}  // namespace bramble::mqtt
