#include "core/base/bytes.h"

namespace bramble {

std::uint32_t ByteReader::var_int() {
  std::uint32_t value = 0;
  for (unsigned shift = 0; shift < 28; shift += 7) {
    const std::uint8_t part = u8();
    if (failed_) return 0;
    value |= static_cast<std::uint32_t>(part & 127u) << shift;
    if (part < 128) {
      if (part == 0 && shift > 0) fail();  // a longer form than needed  [MQTT-1.5.5-1]
      return failed_ ? 0 : value;
    }
  }
  fail();
  return 0;
}

}  // namespace bramble
