#pragma once

#include <string>

#include "core/mqtt/packets.h"

namespace bramble {

/// A Will Message, kept for its client until it is published or given up  (section 3.1.2.5).
struct Will {
  std::string topic;
  std::string payload;
  std::string properties;  ///< those that go on to subscribers, encoded
  mqtt::Qos qos = mqtt::Qos::at_most_once;
  bool retain = false;
  Seconds delay{0};
  std::uint32_t message_expiry = mqtt::kNoExpiry;  ///< counts from publication
  std::string source;                              ///< of one that is to be retained: who left it

  static Will copy(const mqtt::WillFields& fields) {
    Will will{std::string(fields.topic),     std::string(fields.payload), {}, fields.qos, fields.retain,
              Seconds(fields.delay_seconds), fields.message_expiry,       {}};
    for (const auto piece : fields.properties.pieces) will.properties += piece;
    return will;
  }
  mqtt::PublishContent content() const { return {topic, {{properties}}, payload}; }
};

}  // namespace bramble
