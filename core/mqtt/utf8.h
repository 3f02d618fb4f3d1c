#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

namespace bramble::mqtt {

/// Is this a UTF-8 Encoded String as the standard allows it (section 1.5.4): well formed, shortest form, at most
/// U+10FFFF, no surrogates [MQTT-1.5.4-1] and no U+0000 [MQTT-1.5.4-2]? Control characters and non-characters may be
/// in it, and U+FEFF stays what it is [MQTT-1.5.4-3]. The length is not looked at.
/// Cost: ASCII 8 bytes at a time; from the first other character on, byte by byte.  Threads: any.
bool valid_utf8(std::string_view text);

/// Eight ASCII characters at once: `suspicious(word)` has the high bit set of some byte if one of them may be what is
/// looked for. Shorter texts are filled up with 'a'.
using AsciiWord = std::uint64_t;
inline constexpr AsciiWord kEveryByte = 0x0101'0101'0101'0101;
inline constexpr AsciiWord kHighBits = 0x80 * kEveryByte;

/// High bits: not ASCII, or U+0000 (and then perhaps of bytes above it).
constexpr AsciiWord not_plain(AsciiWord word) { return word | (word - kEveryByte); }
/// High bits: `wanted` is there, if all eight are ASCII.
constexpr AsciiWord has(AsciiWord word, char wanted) {
  return (word ^ (static_cast<unsigned char>(wanted) * kEveryByte)) - kEveryByte;
}

/// True if no word of `text` is suspicious.
template <class Suspicious>
bool no_word(std::string_view text, Suspicious suspicious) {
  const char* at = text.data();
  std::size_t left = text.size();
  AsciiWord word = 'a' * kEveryByte;
  if (left < sizeof word) {
    if (left > 0) std::memcpy(&word, at, left);
    return (suspicious(word) & kHighBits) == 0;
  }
  AsciiWord found = 0;
  for (; left >= sizeof word; at += sizeof word, left -= sizeof word) {
    std::memcpy(&word, at, sizeof word);
    found |= suspicious(word);
  }
  if (left > 0) {  // the last eight again, rather than a shorter step
    std::memcpy(&word, at + left - sizeof word, sizeof word);
    found |= suspicious(word);
  }
  return (found & kHighBits) == 0;
}

}  // namespace bramble::mqtt
