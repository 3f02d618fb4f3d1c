#include "core/session/publication.h"

#include <cstring>

namespace bramble {

std::uint32_t Publication::expiry_left() const {
  if (facts_.expiry_seconds == mqtt::kNoExpiry) return mqtt::kNoExpiry;
  const auto waited = std::chrono::duration_cast<Seconds>(now_ - facts_.arrived).count();
  return waited >= static_cast<std::int64_t>(facts_.expiry_seconds)
             ? 0
             : facts_.expiry_seconds - static_cast<std::uint32_t>(waited);
}

const MessagePtr& Publication::message(std::string_view source) {
  if (local_) return local_.message();
  if (!message_) message_ = MessagePtr::make(content_, facts_, source);
  return message_;
}

const LocalMessage& Publication::local() {
  if (local_) return local_;
  message();
  local_ = LocalMessage(std::move(message_));  // not a count more
  return local_;
}

Publication::Passed Publication::pass(char* copy) const {
  std::memcpy(copy, received_.data(), received_.size());
  const auto there = [&](std::string_view part) {
    return part.empty() ? std::string_view() : std::string_view(copy + (part.data() - received_.data()), part.size());
  };
  return {{copy, received_.size()},
          there(content_.topic),
          there(content_.properties.pieces[0]),
          there(content_.payload),
          facts_,
          received_version_};
}

Publication::Frame Publication::shared_frame(mqtt::Version version, const mqtt::PublishHeader& header) {
  if (goes_on_as_it_came(version, header)) return {received_};
  const unsigned key =
      (version == mqtt::Version::v5 ? 8u : 0u) | static_cast<unsigned>(header.qos) << 1 | (header.retain ? 1u : 0u);
  mqtt::EncodedPublish& frame = frames_[key];
  const bool fresh = (encoded_ >> key & 1) == 0;
  if (fresh) {
    frame = mqtt::encode_publish(buffer_, version, header, content_);
    encoded_ = static_cast<std::uint16_t>(encoded_ | 1u << key);
  }
  char* const packet_id = header.qos == mqtt::Qos::at_most_once ? nullptr : frame.bytes + frame.packet_id_at;
  return {{frame.bytes, frame.size}, packet_id, fresh};
}

}  // namespace bramble
