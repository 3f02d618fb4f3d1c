#include "tests/support/packets.h"

#include <algorithm>
#include <cctype>

namespace bramble::testing {
namespace {

enum class Kind { byte, two_bytes, four_bytes, var_int, text, pair };

Kind kind_of(Prop id) {
  switch (id) {
    case Prop::payload_format:
    case Prop::request_problem_information:
    case Prop::request_response_information:
    case Prop::maximum_qos:
    case Prop::retain_available:
    case Prop::wildcard_available:
    case Prop::subscription_identifiers_available:
    case Prop::shared_available: return Kind::byte;
    case Prop::server_keep_alive:
    case Prop::receive_maximum:
    case Prop::topic_alias_maximum:
    case Prop::topic_alias: return Kind::two_bytes;
    case Prop::message_expiry:
    case Prop::session_expiry:
    case Prop::will_delay:
    case Prop::maximum_packet_size: return Kind::four_bytes;
    case Prop::subscription_identifier: return Kind::var_int;
    case Prop::user: return Kind::pair;
    case Prop::content_type:
    case Prop::response_topic:
    case Prop::correlation_data:
    case Prop::assigned_client_identifier:
    case Prop::authentication_method:
    case Prop::authentication_data:
    case Prop::response_information:
    case Prop::server_reference:
    case Prop::reason_string: return Kind::text;
  }
  return Kind::pair;
}

unsigned hex_digit(char c) {
  return static_cast<unsigned>(c <= '9' ? c - '0' : std::toupper(static_cast<unsigned char>(c)) - 'A' + 10);
}

/// Reads big-endian fields; a field that is not there ends the test.
class Fields {
 public:
  Fields(std::string_view& bytes, const Where& where) : bytes_(bytes), where_(where) {}

  std::uint32_t number(std::size_t size) {
    std::uint32_t value = 0;
    for (const char c : take(size)) value = value << 8 | static_cast<unsigned char>(c);
    return value;
  }
  std::uint32_t var_int() {
    std::uint32_t value = 0;
    for (unsigned shift = 0; shift < 28; shift += 7) {
      const std::uint32_t byte = number(1);
      value |= (byte & 127) << shift;
      if ((byte & 128) == 0) return value;
    }
    fail_at(where_, "a Variable Byte Integer of more than 4 bytes came");
  }
  std::string text() { return std::string(take(number(2))); }
  std::string_view take(std::size_t size) {
    if (bytes_.size() < size) fail_at(where_, "the packet that came is too short for its fields");
    const std::string_view taken = bytes_.substr(0, size);
    bytes_.remove_prefix(size);
    return taken;
  }

 private:
  std::string_view& bytes_;
  const Where& where_;
};

std::string with_length(const std::string& properties) {
  return var_int(static_cast<std::uint32_t>(properties.size())) + properties;
}

void require(bool holds, const char* what, const RawPacket& packet, const Where& where) {
  if (!holds) fail_at(where, std::string(what) + "; this came: " + to_hex(packet.bytes));
}

}  // namespace

std::string operator""_hex(const char* text, std::size_t size) {
  std::string bytes;
  for (std::size_t i = 0; i < size; ++i) {
    if (text[i] == ' ') continue;
    if (text[i] == '\'') {
      while (text[++i] != '\'') bytes += text[i];
      continue;
    }
    bytes += static_cast<char>(hex_digit(text[i]) << 4 | hex_digit(text[i + 1]));
    ++i;
  }
  return bytes;
}

std::string u8(unsigned value) { return std::string(1, static_cast<char>(value)); }
std::string u16(unsigned value) { return u8(value >> 8) + u8(value); }
std::string u32(std::uint32_t value) { return u16(value >> 16) + u16(value); }

std::string var_int(std::uint32_t value) {
  std::string bytes;
  for (; value >= 128; value >>= 7) bytes += u8(value | 128);
  return bytes + u8(value);
}

std::string prefixed(std::string_view bytes) { return u16(static_cast<unsigned>(bytes.size())) + std::string(bytes); }

std::string packet(unsigned first, const std::string& body) { return u8(first) + with_length(body); }

std::string property(Prop id, std::uint32_t value) {
  const std::string tag = u8(static_cast<unsigned>(id));
  switch (kind_of(id)) {
    case Kind::byte: return tag + u8(value);
    case Kind::two_bytes: return tag + u16(value);
    case Kind::var_int: return tag + var_int(value);
    default: return tag + u32(value);
  }
}

std::string property(Prop id, std::string_view text) { return u8(static_cast<unsigned>(id)) + prefixed(text); }

std::string property(Prop id, std::string_view name, std::string_view value) {
  return property(id, name) + prefixed(value);
}

std::string encode(const Connect& connect) {
  const bool v5 = connect.version == Version::v5;
  unsigned flags = connect.clean_start ? 0x02 : 0;
  if (connect.will) flags |= 0x04 | connect.will->qos << 3 | (connect.will->retain ? 0x20 : 0);
  if (connect.password) flags |= 0x40;
  if (connect.user_name) flags |= 0x80;
  std::string body = prefixed(connect.version == Version::v3_1 ? "MQIsdp" : "MQTT");
  body += u8(static_cast<unsigned>(connect.version)) + u8(flags) + u16(connect.keep_alive);
  if (v5) body += with_length(connect.properties);
  body += prefixed(connect.client_id);
  if (connect.will) {
    if (v5) body += with_length(connect.will->properties);
    body += prefixed(connect.will->topic) + prefixed(connect.will->payload);
  }
  if (connect.user_name) body += prefixed(*connect.user_name);
  if (connect.password) body += prefixed(*connect.password);
  return packet(0x10, body);
}

std::string encode(Version version, const Publish& publish) {
  std::string body = prefixed(publish.topic);
  if (publish.qos > 0) body += u16(publish.packet_id);
  if (version == Version::v5) body += with_length(publish.properties);
  return packet(0x30 | (publish.dup ? 8u : 0u) | publish.qos << 1 | (publish.retain ? 1u : 0u), body + publish.payload);
}

std::string encode_subscribe(Version version, unsigned packet_id, const std::vector<Filter>& filters,
                             const std::string& properties) {
  std::string body = u16(packet_id);
  if (version == Version::v5) body += with_length(properties);
  for (const Filter& filter : filters) body += prefixed(filter.text) + u8(filter.options);
  return packet(0x82, body);
}

std::string encode_unsubscribe(Version version, unsigned packet_id, const std::vector<std::string>& filters,
                               const std::string& properties) {
  std::string body = u16(packet_id);
  if (version == Version::v5) body += with_length(properties);
  for (const std::string& filter : filters) body += prefixed(filter);
  return packet(0xA2, body);
}

std::string encode_ack(PacketType type, unsigned packet_id, unsigned code) {
  const unsigned flags = type == PacketType::pubrel ? 2 : 0;
  return packet(static_cast<unsigned>(type) << 4 | flags, u16(packet_id) + (code == 0 ? std::string{} : u8(code)));
}

std::string encode_disconnect(Version version, unsigned code, const std::string& properties) {
  if (version != Version::v5 || (code == 0 && properties.empty())) return packet(0xE0, {});
  return packet(0xE0, u8(code) + with_length(properties));
}

Properties Properties::parse(std::string_view& bytes, const Where& where) {
  Fields packet(bytes, where);
  std::string_view list = packet.take(packet.var_int());
  Fields fields(list, where);
  Properties properties;
  while (!list.empty()) {
    Entry entry{.id = static_cast<Prop>(fields.number(1))};
    switch (kind_of(entry.id)) {
      case Kind::byte: entry.number = fields.number(1); break;
      case Kind::two_bytes: entry.number = fields.number(2); break;
      case Kind::four_bytes: entry.number = fields.number(4); break;
      case Kind::var_int: entry.number = fields.var_int(); break;
      case Kind::text: entry.text = fields.text(); break;
      case Kind::pair:
        if (entry.id != Prop::user) fail_at(where, "an unknown property came");
        entry.text = fields.text();
        entry.value = fields.text();
    }
    properties.entries_.push_back(std::move(entry));
  }
  return properties;
}

bool Properties::has(Prop id) const {
  return std::any_of(entries_.begin(), entries_.end(), [id](const Entry& entry) { return entry.id == id; });
}

std::optional<std::uint32_t> Properties::number(Prop id) const {
  const std::vector<std::uint32_t> all = numbers(id);
  if (all.empty()) return std::nullopt;
  return all.front();
}

std::optional<std::string> Properties::text(Prop id) const {
  for (const Entry& entry : entries_) {
    if (entry.id == id) return entry.text;
  }
  return std::nullopt;
}

std::vector<std::uint32_t> Properties::numbers(Prop id) const {
  std::vector<std::uint32_t> numbers;
  for (const Entry& entry : entries_) {
    if (entry.id == id) numbers.push_back(entry.number);
  }
  return numbers;
}

std::vector<std::pair<std::string, std::string>> Properties::user() const {
  std::vector<std::pair<std::string, std::string>> pairs;
  for (const Entry& entry : entries_) {
    if (entry.id == Prop::user) pairs.emplace_back(entry.text, entry.value);
  }
  return pairs;
}

std::vector<Prop> Properties::ids() const {
  std::vector<Prop> ids;
  for (const Entry& entry : entries_) ids.push_back(entry.id);
  return ids;
}

Connack parse_connack(Version version, const RawPacket& packet, Where where) {
  require(packet.first == 0x20, "a CONNACK was expected", packet, where);
  std::string_view left = packet.body;
  Fields fields(left, where);
  const std::uint32_t flags = fields.number(1);
  require(flags <= 1, "reserved CONNACK flags are set", packet, where);
  Connack connack{.session_present = flags == 1, .code = static_cast<std::uint8_t>(fields.number(1))};
  if (version == Version::v5) connack.properties = Properties::parse(left, where);
  require(left.empty(), "a CONNACK with something behind it", packet, where);
  return connack;
}

Message parse_publish(Version version, const RawPacket& packet, Where where) {
  require(packet.type() == PacketType::publish, "a PUBLISH was expected", packet, where);
  std::string_view left = packet.body;
  Fields fields(left, where);
  Message message{.topic = fields.text(),
                  .qos = (packet.first >> 1) & 3u,
                  .retain = (packet.first & 1) != 0,
                  .dup = (packet.first & 8) != 0,
                  .packet_size = packet.bytes.size()};
  require(message.qos < 3, "both QoS bits are set", packet, where);
  if (message.qos > 0) {
    message.packet_id = fields.number(2);
    require(message.packet_id != 0, "Packet Identifier 0", packet, where);
  }
  require(message.qos > 0 || !message.dup, "DUP with QoS 0", packet, where);
  if (version == Version::v5) message.properties = Properties::parse(left, where);
  message.payload = std::string(left);
  return message;
}

Ack parse_ack(Version version, const RawPacket& packet, Where where) {
  const bool known = packet.type() >= PacketType::puback && packet.type() <= PacketType::pubcomp;
  require(known, "an acknowledgement was expected", packet, where);
  require((packet.first & 15) == (packet.type() == PacketType::pubrel ? 2 : 0), "wrong flags", packet, where);
  std::string_view left = packet.body;
  Fields fields(left, where);
  Ack ack{.type = packet.type(), .packet_id = fields.number(2)};
  require(version == Version::v5 || left.empty(), "more than a Packet Identifier", packet, where);
  if (!left.empty()) ack.code = static_cast<std::uint8_t>(fields.number(1));
  if (!left.empty()) ack.properties = Properties::parse(left, where);
  require(left.empty(), "an acknowledgement with something behind it", packet, where);
  return ack;
}

Suback parse_suback(Version version, const RawPacket& packet, Where where) {
  const bool known = packet.first == 0x90 || packet.first == 0xB0;
  require(known, "a SUBACK or UNSUBACK was expected", packet, where);
  std::string_view left = packet.body;
  Fields fields(left, where);
  Suback suback{.packet_id = fields.number(2)};
  if (version == Version::v5) suback.properties = Properties::parse(left, where);
  for (const char code : left) suback.codes.push_back(static_cast<std::uint8_t>(code));
  return suback;
}

}  // namespace bramble::testing
