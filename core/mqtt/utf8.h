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

/// The character that `text`, which has one, begins with.  Cost: O(1).  Threads: any.
struct Character {
  std::string_view bytes;  ///< one, if what is there is no UTF-8
  char32_t code = 0;       ///< of no UTF-8: the byte
  bool utf8 = true;        ///< U+0000 is
};
Character first_character(std::string_view text);

/// What moves a cursor, ends a line or turns text round instead of being seen, so that it may go to no terminal or line
/// of a log: the controls (C0, DEL, C1), U+2028 and U+2029, and what embeds, overrides and isolates directions
/// (U+202A to U+202E, U+2066 to U+2069).
constexpr bool is_control(char32_t code) {
  return code < 0x20 || (code >= 0x7F && code <= 0x9F) || (code >= 0x2028 && code <= 0x202E) ||
         (code >= 0x2066 && code <= 0x2069);
}

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
