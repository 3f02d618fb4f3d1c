#include "core/session/publication.h"

#include "core/base/bytes.h"

namespace bramble {

std::uint32_t Publication::expiry_left() const {
  if (facts_.expiry_seconds == mqtt::kNoExpiry) return mqtt::kNoExpiry;
  const auto waited = std::chrono::duration_cast<Seconds>(now_ - facts_.arrived).count();
  return waited >= static_cast<std::int64_t>(facts_.expiry_seconds)
             ? 0
             : facts_.expiry_seconds - static_cast<std::uint32_t>(waited);
}

const MessagePtr& Publication::message() {
  if (local_) return local_.message();
  if (!message_) message_ = MessagePtr::make(content_, facts_);
  return message_;
}

const LocalMessage& Publication::local() {
  if (!local_) local_ = LocalMessage(message());
  return local_;
}

Publication::Frame Publication::shared_frame(mqtt::Version version, const mqtt::PublishHeader& header) {
  if (!scratch_mine_) {
    scratch_.bytes.clear();
    scratch_mine_ = true;
  }
  const unsigned key =
      (version == mqtt::Version::v5 ? 8u : 0u) | static_cast<unsigned>(header.qos) << 1 | (header.retain ? 1u : 0u);
  CachedFrame& cached = frames_[key];
  std::string& bytes = scratch_.bytes;
  if (cached.size == 0) {
    cached.begin = static_cast<std::uint32_t>(bytes.size());
    append_publish(bytes, version, header, content_);
    cached.size = static_cast<std::uint32_t>(bytes.size()) - cached.begin;
    std::size_t length_bytes = 1;
    while (static_cast<std::uint8_t>(bytes[cached.begin + length_bytes]) & 0x80u) ++length_bytes;
    cached.packet_id_at = static_cast<std::uint32_t>(1 + length_bytes + 2 + content_.topic.size());
  }
  return {std::string_view(bytes).substr(cached.begin, cached.size),
          header.qos == mqtt::Qos::at_most_once ? 0 : cached.packet_id_at};
}

}  // namespace bramble
