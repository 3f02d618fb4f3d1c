#include "core/mqtt/utf8.h"

namespace bramble::mqtt {

namespace {

unsigned byte_at(std::string_view text, std::size_t i) { return static_cast<unsigned char>(text[i]); }

bool is_continuation(unsigned byte) { return (byte & 0xC0u) == 0x80u; }

/// Bytes of the character at the start of `text`; 0 if it is not a valid one. RFC 3629's table: the second byte's range
/// keeps out longer forms, surrogates and what lies above U+10FFFF.
std::size_t character_size(std::string_view text) {
  const unsigned first = byte_at(text, 0);
  if (first < 0x80) return first == 0 ? 0 : 1;
  const std::size_t size = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || text.size() < size) return 0;
  const unsigned second = byte_at(text, 1);
  const unsigned least = first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80;
  const unsigned most = first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF;
  if (second < least || second > most) return 0;
  for (std::size_t i = 2; i < size; ++i) {
    if (!is_continuation(byte_at(text, i))) return 0;
  }
  return size;
}

}  // namespace

Character first_character(std::string_view text) {
  const unsigned first = byte_at(text, 0);
  const std::size_t size = character_size(text);
  if (size <= 1) return {text.substr(0, 1), first, first < 0x80};
  char32_t code = first & (0x7Fu >> size);
  for (std::size_t i = 1; i < size; ++i) code = code << 6 | (byte_at(text, i) & 0x3Fu);
  return {text.substr(0, size), code, true};
}

bool valid_utf8(std::string_view text) {
  if (no_word(text, not_plain)) [[likely]]
    return true;
  while (!text.empty()) {
    const std::size_t size = character_size(text);
    if (size == 0) return false;
    text.remove_prefix(size);
  }
  return true;
}

}  // namespace bramble::mqtt
