#include "core/mqtt/application_message.h"

#include <new>

#include "core/base/bytes.h"

namespace bramble {

std::uint32_t ApplicationMessage::expiry_left(SteadyTime now) const {
  if (facts_.expiry_seconds == mqtt::kNoExpiry) return mqtt::kNoExpiry;
  const auto waited = std::chrono::duration_cast<Seconds>(now - facts_.arrived).count();
  return waited >= static_cast<std::int64_t>(facts_.expiry_seconds)
             ? 0
             : facts_.expiry_seconds - static_cast<std::uint32_t>(waited);
}

MessagePtr MessagePtr::make(const mqtt::PublishContent& content, const ApplicationMessage::Facts& facts,
                            std::string_view source) {
  const std::size_t properties = content.properties.size();
  void* memory = ::operator new(sizeof(ApplicationMessage) + content.topic.size() + properties +
                                content.payload.size() + source.size());
  auto* message = new (memory) ApplicationMessage;
  message->facts_ = facts;
  message->topic_size_ = static_cast<std::uint16_t>(content.topic.size());
  message->properties_size_ = static_cast<std::uint32_t>(properties);
  message->payload_size_ = static_cast<std::uint32_t>(content.payload.size());
  message->source_size_ = static_cast<std::uint16_t>(source.size());
  ByteWriter writer(message->bytes());
  writer.bytes(content.topic);
  for (const auto piece : content.properties.pieces) writer.bytes(piece);
  writer.bytes(content.payload);
  writer.bytes(source);
  return adopt(message);
}

void MessagePtr::destroy() {
  message_->~ApplicationMessage();
  ::operator delete(message_);
}

}  // namespace bramble
