#include "broker/store/record.h"

#include <algorithm>

#include "core/base/bytes.h"
#include "core/topic/topic.h"

namespace bramble {

namespace {

constexpr std::uint8_t kQosBits = 3;
constexpr int kReplayFrom = 4;
constexpr std::uint8_t kRetainBit = 4;
constexpr std::uint8_t kExpiryBit = 8;
constexpr std::uint8_t kKnownBits = kQosBits | kRetainBit | kExpiryBit;

void write_u64(ByteWriter& to, std::uint64_t value) {
  to.u32(static_cast<std::uint32_t>(value >> 32));
  to.u32(static_cast<std::uint32_t>(value));
}

std::uint64_t read_u64(ByteReader& from) {
  const std::uint64_t high = from.u32();
  return high << 32 | from.u32();
}

void write_long(ByteWriter& to, std::string_view bytes) {
  to.u32(static_cast<std::uint32_t>(bytes.size()));
  to.bytes(bytes);
}

std::string_view read_long(ByteReader& from) { return from.take(from.u32()); }

std::uint8_t flags_of(mqtt::Qos qos, bool retain, std::uint32_t expiry) {
  return static_cast<std::uint8_t>(static_cast<unsigned>(qos) | (retain ? kRetainBit : 0u) |
                                   (expiry == mqtt::kNoExpiry ? 0u : kExpiryBit));
}

bool valid(std::uint8_t flags) { return (flags & kQosBits) != 3 && (flags & ~kKnownBits) == 0; }

mqtt::Qos qos_of(std::int64_t bits) { return static_cast<mqtt::Qos>(bits & kQosBits); }

}  // namespace

// flags, when it came, who published it, [expiry,] source, and the properties to the end
void write_facts(const ApplicationMessage& message, const Clocks& clocks, std::string& to) {
  const auto& facts = message.facts();
  const std::uint8_t flags = flags_of(facts.qos, facts.retain, facts.expiry_seconds);
  to.resize(1 + 8 + 8 + ((flags & kExpiryBit) != 0 ? 4 : 0) + 2 + message.source().size() +
            message.properties().size());
  ByteWriter writer(to.data());
  writer.u8(flags);
  write_u64(writer, static_cast<std::uint64_t>(milliseconds_of(clocks.wall_at(facts.arrived))));
  write_u64(writer, facts.publisher.value);
  if ((flags & kExpiryBit) != 0) writer.u32(facts.expiry_seconds);
  writer.prefixed(message.source());
  writer.bytes(message.properties());
}

MessagePtr read_message(std::string_view topic, std::string_view payload, std::string_view facts,
                        const Clocks& clocks) {
  ByteReader reader(facts);
  const std::uint8_t flags = reader.u8();
  const auto arrived = instant_of(static_cast<std::int64_t>(read_u64(reader)));
  const PublisherId publisher{read_u64(reader)};
  const std::uint32_t expiry = (flags & kExpiryBit) != 0 ? reader.u32() : mqtt::kNoExpiry;
  const std::string_view source = reader.prefixed();
  const std::string_view properties = reader.rest();
  if (reader.failed() || !valid(flags) || !arrived || !TopicName::parse(topic)) return {};
  // the calendar may be up to a minute younger than what it was told
  const SteadyTime since = clocks.steady_at(std::min(*arrived, clocks.wall));
  return MessagePtr::make({topic, {{properties}}, payload},
                          {qos_of(flags), (flags & kRetainBit) != 0, expiry, since, publisher}, source);
}

// flags, delay, expiry, topic, source, properties, payload
std::string write_will(const Will& will) {
  std::string bytes(
      1 + 4 + 4 + 2 + will.topic.size() + 2 + will.source.size() + 4 + will.properties.size() + 4 + will.payload.size(),
      '\0');
  ByteWriter writer(bytes.data());
  writer.u8(flags_of(will.qos, will.retain, mqtt::kNoExpiry));
  writer.u32(static_cast<std::uint32_t>(will.delay.count()));
  writer.u32(will.message_expiry);
  writer.prefixed(will.topic);
  writer.prefixed(will.source);
  write_long(writer, will.properties);
  write_long(writer, will.payload);
  return bytes;
}

std::optional<Will> read_will(std::string_view bytes) {
  ByteReader reader(bytes);
  const std::uint8_t flags = reader.u8();
  Will will;
  will.qos = qos_of(flags);
  will.retain = (flags & kRetainBit) != 0;
  will.delay = Seconds(reader.u32());
  will.message_expiry = reader.u32();
  will.topic = reader.prefixed();
  will.source = reader.prefixed();
  will.properties = read_long(reader);
  will.payload = read_long(reader);
  if (reader.failed() || !reader.empty() || !valid(flags) || !TopicName::parse(will.topic)) return std::nullopt;
  return will;
}

std::int64_t milliseconds_of(WallTime at) { return std::chrono::floor<Milliseconds>(at.time_since_epoch()).count(); }

std::optional<WallTime> instant_of(std::int64_t milliseconds) {
  if (milliseconds < -kYear.count() || milliseconds > 200 * kYear.count()) return std::nullopt;
  return WallTime(Milliseconds(milliseconds));
}

std::int64_t pack(const DeliveryState& state, mqtt::Qos qos, bool retain) {
  return static_cast<std::int64_t>(qos) | (retain ? 4 : 0) | static_cast<std::int64_t>(state.stage) << kStateFrom |
         static_cast<std::int64_t>(state.packet_id) << (kStateFrom + 2);
}

bool unpack(std::int64_t packed, KeptDelivery& into) {
  if (packed < 0 || packed >= std::int64_t{1} << 21 || (packed & kQosBits) == 3) return false;
  into.qos = qos_of(packed);
  into.retain = (packed & 4) != 0;
  into.state.stage = static_cast<DeliveryState::Stage>(packed >> kStateFrom & 3);
  into.state.packet_id = static_cast<mqtt::PacketId>(packed >> (kStateFrom + 2));
  return true;
}

std::int64_t pack(const KeptSubscription& subscription) {
  return static_cast<std::int64_t>(subscription.qos) | (subscription.no_local ? 4 : 0) |
         (subscription.retain_as_published ? 8 : 0) |
         (subscription.replay_from ? (std::int64_t{*subscription.replay_from} + 1) << kReplayFrom : 0);
}

bool unpack(std::int64_t packed, KeptSubscription& into) {
  if (packed < 0 || packed >> kReplayFrom > std::int64_t{1} << 32 || (packed & kQosBits) == 3) return false;
  into.qos = qos_of(packed);
  into.no_local = (packed & 4) != 0;
  into.retain_as_published = (packed & 8) != 0;
  if (const std::int64_t replay = packed >> kReplayFrom; replay != 0) {
    into.replay_from = static_cast<std::uint32_t>(replay - 1);
  }
  return true;
}

}  // namespace bramble
