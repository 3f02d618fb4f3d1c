#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/mqtt/types.h"

namespace bramble {

/// Options of one listener. Rows below.
struct ListenerOptions {
  std::uint16_t port = 1883;
  std::string bind_address;             ///< empty: all interfaces, IPv4 and IPv6
  std::optional<bool> allow_anonymous;  ///< of the whole broker, resolved by Config: set after reading
  std::int32_t max_connections = -1;    ///< -1: no limit
  mqtt::Qos max_qos = mqtt::Qos::exactly_once;
  std::uint16_t max_topic_alias = 10;
  std::uint16_t max_topic_alias_broker = 10;
  bool accept_v3 = true, accept_v4 = true, accept_v5 = true;  ///< accept_protocol_versions 3,4,5
  std::string declared_at;                                    ///< file:line, for messages
};

}  // namespace bramble
