#pragma once

#include <cstddef>
#include <cstdint>

#include "core/base/strong.h"

namespace bramble::mqtt {

enum class Version : std::uint8_t { v3_1 = 3, v3_1_1 = 4, v5 = 5 };

enum class Qos : std::uint8_t { at_most_once = 0, at_least_once = 1, exactly_once = 2 };

enum class PacketType : std::uint8_t {
  reserved = 0,
  connect = 1,
  connack = 2,
  publish = 3,
  puback = 4,
  pubrec = 5,
  pubrel = 6,
  pubcomp = 7,
  subscribe = 8,
  suback = 9,
  unsubscribe = 10,
  unsuback = 11,
  pingreq = 12,
  pingresp = 13,
  disconnect = 14,
  auth = 15,
};

/// Never 0 on the wire; 0 means none.
using PacketId = std::uint16_t;

inline constexpr std::uint32_t kRemainingLengthMax = 268'435'455;
inline constexpr std::size_t kPacketSizeMax = 5 + std::size_t{kRemainingLengthMax};
inline constexpr std::uint32_t kSessionNeverExpires = 0xFFFF'FFFF;
/// A Message Expiry Interval that is absent, or that never ends.
inline constexpr std::uint32_t kNoExpiry = 0xFFFF'FFFF;
inline constexpr std::uint16_t kReceiveMaximumDefault = 65'535;
inline constexpr std::size_t kTopicBytesMax = 65'535;

}  // namespace bramble::mqtt
