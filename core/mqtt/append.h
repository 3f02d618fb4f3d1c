#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/base/bytes.h"
#include "core/base/check.h"
#include "core/mqtt/types.h"

/// Fields appended to a string, for packets small enough that nothing is won by sizing them first.
/// A length stands before what it measures, so it is inserted when that is written: a short memmove.
namespace bramble::mqtt {

inline void append_u8(std::string& out, std::uint8_t value) { out.push_back(static_cast<char>(value)); }
inline void append_u16(std::string& out, std::uint16_t value) {
  append_u8(out, static_cast<std::uint8_t>(value >> 8));
  append_u8(out, static_cast<std::uint8_t>(value));
}
inline void append_u32(std::string& out, std::uint32_t value) {
  append_u16(out, static_cast<std::uint16_t>(value >> 16));
  append_u16(out, static_cast<std::uint16_t>(value));
}
inline void append_var_int(std::string& out, std::uint32_t value) {
  char bytes[4];
  ByteWriter writer(bytes);
  writer.var_int(value);
  out.append(bytes, static_cast<std::size_t>(writer.position() - bytes));
}
/// A UTF-8 String or Binary Data.
inline void append_prefixed(std::string& out, std::string_view bytes) {
  check(bytes.size() <= 65'535, "a string or binary field is longer than its two bytes of length can say");
  append_u16(out, static_cast<std::uint16_t>(bytes.size()));
  out.append(bytes);
}
/// Puts the length of what was appended since `start` in front of it, as a Variable Byte Integer.
inline void insert_length(std::string& out, std::size_t start) {
  const std::size_t length = out.size() - start;
  check(length <= kRemainingLengthMax, "a packet longer than the standard's largest Remaining Length");
  char bytes[4];
  ByteWriter writer(bytes);
  writer.var_int(static_cast<std::uint32_t>(length));
  out.insert(start, bytes, static_cast<std::size_t>(writer.position() - bytes));
}
constexpr std::uint8_t first_byte(PacketType type, std::uint8_t flags) {
  return static_cast<std::uint8_t>(static_cast<unsigned>(type) << 4 | flags);
}
/// Appends the first byte of a packet; returns where its body starts, for insert_length.
inline std::size_t append_first_byte(std::string& out, PacketType type, std::uint8_t flags = 0) {
  append_u8(out, first_byte(type, flags));
  return out.size();
}

}  // namespace bramble::mqtt
