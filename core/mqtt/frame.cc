#include "core/mqtt/frame.h"

#include <array>

namespace bramble::mqtt {

namespace {

/// What the low four bits of the first byte must be, by packet type; any for PUBLISH, none for type 0.
constexpr std::uint8_t kAny = 16, kNone = 17;
constexpr std::array<std::uint8_t, 16> kFixedFlags{kNone, 0, 0, kAny, 0, 0, 2, 0, 2, 0, 2, 0, 0, 0, 0, 0};

constexpr unsigned kDup = 8;

bool flags_allowed(unsigned type, unsigned flags, Version version) {
  const unsigned fixed = kFixedFlags[type];
  if (fixed == kAny || fixed == flags) [[likely]]
    return true;
  return version == Version::v3_1 && fixed == 2 && flags == (2 | kDup);  // 3.1 repeats these with DUP
}

}  // namespace

Result<Frame> next_frame(std::string_view bytes, std::uint32_t packet_size_max, Version version) {
  Frame frame;
  if (bytes.empty()) return frame;
  const unsigned first = static_cast<unsigned char>(bytes[0]);
  if (!flags_allowed(first >> 4, first & 15, version)) {
    return malformed("reserved flag bits are set, or packet type 0  [MQTT-2.1.3-1]");
  }

  std::size_t length = 0;
  std::size_t at = 1;
  for (unsigned part = 128; part >= 128; ++at) {
    if (at == 5) return malformed("a Remaining Length of more than four bytes");
    if (at == bytes.size()) return frame;
    part = static_cast<unsigned char>(bytes[at]);
    length |= static_cast<std::size_t>(part & 127) << (7 * (at - 1));
    if (part == 0 && at > 1) return malformed("a Remaining Length in more bytes than needed  [MQTT-1.5.5-1]");
  }

  const std::size_t size = at + length;
  if (packet_size_max != 0 && size > packet_size_max) {
    return failure(ReasonCode::packet_too_large, "a packet larger than we accept");
  }
  if (size > bytes.size()) {
    frame.size_needed = size;
    return frame;
  }
  frame.type = static_cast<PacketType>(first >> 4);
  frame.flags = static_cast<std::uint8_t>(first & 15);
  frame.body = bytes.substr(at, length);
  frame.size = size;
  return frame;
}

}  // namespace bramble::mqtt
