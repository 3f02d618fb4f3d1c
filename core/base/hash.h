#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

namespace bramble {

/// A hash of bytes that clients choose, so it is seeded: who does not know the seed cannot aim at one bucket.
/// Not a checksum and not stable: its values never leave the process.
/// Cost: 8 bytes a multiplication; 22 bytes in 4 ns (docs/design.md, Figures).  Threads: a value, immutable.
class SeededHash {
 public:
  explicit SeededHash(std::uint64_t seed)
      : start_(mix(seed ^ 0x9E3779B97F4A7C15u, 0xD1B54A32D192ED03u)),
        factor_(mix(seed + 0x8CB92BA72F3D8DD7u, 0xE7037ED1A0B428DBu) | 1u) {}

  std::uint64_t operator()(std::string_view bytes) const {
    const char* at = bytes.data();
    std::size_t left = bytes.size();
    std::uint64_t hash = start_ ^ left;
    for (; left > 8; left -= 8, at += 8) hash = mix(hash ^ word(at), factor_);
    return mix(mix(hash ^ tail(at, left), factor_), kLast);
  }

 private:
  static constexpr std::uint64_t kLast = 0xA0761D6478BD642Fu;

  static std::uint64_t mix(std::uint64_t a, std::uint64_t b) {
    __extension__ using Wide = unsigned __int128;
    const Wide product = Wide{a} * b;
    return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
  }
  static std::uint64_t word(const char* at) {
    std::uint64_t value;
    std::memcpy(&value, at, 8);
    return value;
  }
  /// The last 0 to 8 bytes; two overlapping reads instead of a loop over the bytes.
  static std::uint64_t tail(const char* at, std::size_t size) {
    if (size >= 4) {
      std::uint32_t first, last;
      std::memcpy(&first, at, 4);
      std::memcpy(&last, at + size - 4, 4);
      return std::uint64_t{first} << 32 | last;
    }
    if (size == 0) return 0;
    const auto byte = [at](std::size_t i) { return std::uint64_t{static_cast<unsigned char>(at[i])}; };
    return byte(0) << 16 | byte(size / 2) << 8 | byte(size - 1);
  }

  std::uint64_t start_;
  std::uint64_t factor_;
};

}  // namespace bramble
