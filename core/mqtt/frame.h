#pragma once

#include <cstdint>
#include <string_view>

#include "core/base/result.h"
#include "core/mqtt/reason_code.h"
#include "core/mqtt/types.h"

namespace bramble::mqtt {

/// One whole Control Packet in a buffer: where it ends and what its fixed header says.
struct Frame {
  PacketType type = PacketType::reserved;
  std::uint8_t flags = 0;  ///< the low four bits of the first byte
  std::string_view body;   ///< Variable Header and Payload: Remaining Length bytes
  std::size_t size = 0;    ///< the whole packet, fixed header included; 0: the buffer ends inside it
  /// All of the packet.
  std::string_view whole() const { return {body.data() + body.size() - size, size}; }
  std::size_t size_needed = 0;  ///< when size is 0: bytes of the whole packet if its length is known, else 0
};

/// Finds the packet at the start of `bytes`.
/// `packet_size_max`: 0 is no limit.
/// `version`: below 3.1.1 a repeated PUBREL, SUBSCRIBE or UNSUBSCRIBE may have DUP set; nothing else differs.
/// Errors: malformed_packet for a Remaining Length of more than four bytes (or a longer form than needed) and for
/// reserved flag bits that are set [MQTT-2.1.3-1] or packet type 0; packet_too_large, as soon as the length is known.
/// Each is told as soon as its byte is there.
/// Cost: O(1), about 40 instructions.  Threads: any.
Result<Frame> next_frame(std::string_view bytes, std::uint32_t packet_size_max, Version version = Version::v5);

}  // namespace bramble::mqtt
