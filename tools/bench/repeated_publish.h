#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "core/mqtt/encode.h"

namespace bramble::bench {

/// A PUBLISH that is sent over and over: encoded once, only its Packet Identifier and what its payload begins with
/// change. Cheaper than encoding it anew, so that the generator is the limit less often.
class RepeatedPublish {
 public:
  /// `header`: its Packet Identifier does not matter.
  RepeatedPublish(mqtt::Version version, mqtt::PublishHeader header, const mqtt::PublishContent& content);

  std::string_view bytes() const { return bytes_; }
  mqtt::Qos qos() const { return qos_; }
  std::size_t packet_id_at() const { return packet_id_at_; }  ///< in bytes(); meaningless at QoS 0
  std::size_t payload_at() const { return payload_at_; }      ///< in bytes()

 private:
  std::string bytes_;
  mqtt::Qos qos_;
  std::size_t packet_id_at_;
  std::size_t payload_at_;
};

}  // namespace bramble::bench
