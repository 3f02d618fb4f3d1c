#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace bramble {

/// A bounds-checked walk over bytes somebody sent. Every read says whether it could; after a failed one the
/// reader stays failed, so that a caller may read several fields and ask once. Values are big endian, as on the wire.
/// Lifetime: views it gives point into the bytes it was given.  Threads: a value of one thread.
class ByteReader {
 public:
  explicit ByteReader(std::string_view bytes) : at_(bytes.data()), end_(bytes.data() + bytes.size()) {}

  bool failed() const { return failed_; }
  bool empty() const { return at_ == end_; }
  std::size_t left() const { return static_cast<std::size_t>(end_ - at_); }
  const char* position() const { return at_; }

  std::uint8_t u8() { return need(1) ? static_cast<std::uint8_t>(*at_++) : std::uint8_t{0}; }
  std::uint16_t u16() {
    if (!need(2)) return 0;
    const auto value = static_cast<std::uint16_t>(byte(0) << 8 | byte(1));
    at_ += 2;
    return value;
  }
  std::uint32_t u32() {
    if (!need(4)) return 0;
    const std::uint32_t value = byte(0) << 24 | byte(1) << 16 | byte(2) << 8 | byte(3);
    at_ += 4;
    return value;
  }
  std::string_view take(std::size_t size) {
    if (!need(size)) return {};
    const std::string_view view(at_, size);
    at_ += size;
    return view;
  }
  std::string_view rest() { return take(left()); }
  /// Two bytes of length and that many bytes (UTF-8 String, Binary Data): the bytes alone, not checked further.
  std::string_view prefixed() { return take(u16()); }
  /// A Variable Byte Integer: at most 4 bytes, minimal  [MQTT-1.5.5-1]
  std::uint32_t var_int();

  void fail() {
    failed_ = true;
    at_ = end_;
  }

 private:
  std::uint32_t byte(std::size_t i) const { return static_cast<std::uint8_t>(at_[i]); }
  bool need(std::size_t size) {
    if (left() >= size) [[likely]]
      return true;
    fail();
    return false;
  }

  const char* at_;
  const char* end_;
  bool failed_ = false;
};

inline constexpr std::uint32_t kVarIntMax = 268'435'455;

/// Bytes a Variable Byte Integer takes. `value` <= kVarIntMax.
constexpr std::size_t var_int_size(std::uint32_t value) {
  return value < 128 ? 1 : value < 16'384 ? 2 : value < 2'097'152 ? 3 : 4;
}

/// Writes big-endian fields into memory that the caller has made large enough (sizes are computed first, so there is
/// nothing to check while writing).  Threads: a value of one thread.
class ByteWriter {
 public:
  explicit ByteWriter(char* to) : at_(to) {}

  char* position() const { return at_; }
  void u8(std::uint8_t value) { *at_++ = static_cast<char>(value); }
  void u16(std::uint16_t value) {
    u8(static_cast<std::uint8_t>(value >> 8));
    u8(static_cast<std::uint8_t>(value));
  }
  void u32(std::uint32_t value) {
    u16(static_cast<std::uint16_t>(value >> 16));
    u16(static_cast<std::uint16_t>(value));
  }
  void bytes(std::string_view bytes) {
    if (bytes.empty()) return;
    std::memcpy(at_, bytes.data(), bytes.size());
    at_ += bytes.size();
  }
  void prefixed(std::string_view bytes_) {
    u16(static_cast<std::uint16_t>(bytes_.size()));
    bytes(bytes_);
  }
  void var_int(std::uint32_t value) {
    while (value >= 128) {
      u8(static_cast<std::uint8_t>(value | 128));
      value >>= 7;
    }
    u8(static_cast<std::uint8_t>(value));
  }

 private:
  char* at_;
};

}  // namespace bramble
