#include "core/base/bytes.h"
#include "core/base/check.h"
#include "core/mqtt/encode.h"
#include "core/mqtt/property_table.h"

namespace bramble::mqtt {

namespace {

constexpr std::size_t kTopicAliasSize = 1 + 2;
constexpr std::size_t kMessageExpirySize = 1 + 4;

std::size_t properties_size(const PublishHeader& header, const PublishContent& content) {
  std::size_t size = content.properties.size();
  if (header.topic_alias != 0) size += kTopicAliasSize;
  if (header.message_expiry != kNoExpiry) size += kMessageExpirySize;
  for (const std::uint32_t id : header.subscription_identifiers) size += 1 + var_int_size(id);
  return size;
}

/// The lengths inside one PUBLISH, computed once for sizing and writing alike.
struct PublishLayout {
  std::size_t properties;  ///< Property Length
  std::size_t head;        ///< all up to the payload
  std::size_t remaining_length;
};

PublishLayout layout_of(Version version, const PublishHeader& header, const PublishContent& content) {
  std::size_t properties = 0;
  std::size_t variable_header = 2 + content.topic.size() + (header.qos == Qos::at_most_once ? 0 : 2);
  if (version == Version::v5) {
    properties = properties_size(header, content);
    variable_header += var_int_size(static_cast<std::uint32_t>(properties)) + properties;
    if (header.topic_omitted) variable_header -= content.topic.size();
  }
  const std::size_t remaining_length = variable_header + content.payload.size();
  const std::size_t head = 1 + var_int_size(static_cast<std::uint32_t>(remaining_length)) + variable_header;
  return {properties, head, remaining_length};
}

void write_id(ByteWriter& writer, PropertyId id) { writer.u8(static_cast<std::uint8_t>(id)); }

/// By value, so that the position stays in a register.
ByteWriter write_properties(ByteWriter writer, const PublishHeader& header, const PublishContent& content) {
  if (header.topic_alias != 0) {
    write_id(writer, PropertyId::topic_alias);
    writer.u16(header.topic_alias);
  }
  for (const std::uint32_t id : header.subscription_identifiers) {
    write_id(writer, PropertyId::subscription_identifier);
    writer.var_int(id);
  }
  if (header.message_expiry != kNoExpiry) {
    write_id(writer, PropertyId::message_expiry_interval);
    writer.u32(header.message_expiry);
  }
  for (const auto piece : content.properties.pieces) writer.bytes(piece);
  return writer;
}

unsigned first_byte(const PublishHeader& header) {
  return static_cast<unsigned>(PacketType::publish) << 4 | (header.dup ? 8u : 0u) |
         static_cast<unsigned>(header.qos) << 1 | (header.retain ? 1u : 0u);
}

char* write_head(char* to, Version version, const PublishHeader& header, const PublishContent& content,
                 const PublishLayout& layout) {
  const bool has_packet_id = header.qos != Qos::at_most_once;
  const bool topic_omitted = header.topic_omitted && version == Version::v5;
  check(layout.remaining_length <= kRemainingLengthMax, "a PUBLISH longer than the standard's largest packet");
  check(content.topic.size() <= kTopicBytesMax, "a Topic Name longer than the standard allows");
  check(has_packet_id == (header.packet_id != 0), "a Packet Identifier is there exactly above QoS 0");
  check(!topic_omitted || header.topic_alias != 0, "a PUBLISH with neither a Topic Name nor an alias");
  ByteWriter writer(to);
  writer.u8(static_cast<std::uint8_t>(first_byte(header)));
  writer.var_int(static_cast<std::uint32_t>(layout.remaining_length));
  writer.prefixed(topic_omitted ? std::string_view{} : content.topic);
  if (has_packet_id) writer.u16(header.packet_id);
  if (version == Version::v5) {
    writer.var_int(static_cast<std::uint32_t>(layout.properties));
    writer = write_properties(writer, header, content);
  }
  return writer.position();
}

}  // namespace

std::size_t publish_size(Version version, const PublishHeader& header, const PublishContent& content) {
  return publish_head_size(version, header, content) + content.payload.size();
}

std::size_t publish_head_size(Version version, const PublishHeader& header, const PublishContent& content) {
  return layout_of(version, header, content).head;
}

char* write_publish_head(char* to, Version version, const PublishHeader& header, const PublishContent& content) {
  return write_head(to, version, header, content, layout_of(version, header, content));
}

EncodedPublish encode_publish(TurnBuffer& buffer, Version version, const PublishHeader& header,
                              const PublishContent& content) {
  const PublishLayout layout = layout_of(version, header, content);
  const std::size_t size = layout.head + content.payload.size();
  char* const bytes = buffer.room(size);
  buffer.take(size);
  ByteWriter payload(write_head(bytes, version, header, content, layout));
  payload.bytes(content.payload);
  const std::size_t length_bytes = var_int_size(static_cast<std::uint32_t>(layout.remaining_length));
  return {bytes, size, 1 + length_bytes + 2 + (header.topic_omitted ? 0 : content.topic.size())};
}

void append_publish(std::string& out, Version version, const PublishHeader& header, const PublishContent& content) {
  const PublishLayout layout = layout_of(version, header, content);
  const std::size_t start = out.size();
  out.resize(start + layout.head + content.payload.size());
  ByteWriter payload(write_head(out.data() + start, version, header, content, layout));
  payload.bytes(content.payload);
}

}  // namespace bramble::mqtt
