#include "core/mqtt/utf8.h"

#include <doctest/doctest.h>
#include <optional>
#include <random>
#include <string>
#include <tuple>

#include "tests/core/mqtt/received.h"

namespace bramble::mqtt {

namespace {

/// Section 1.5.4 and RFC 3629 by decoding: the code point's value decides, not the bytes' ranges.
bool plainly_valid(std::string_view text) {
  std::size_t i = 0;
  const auto continuation = [&]() -> std::optional<std::uint32_t> {
    if (i == text.size()) return std::nullopt;
    const auto byte = static_cast<unsigned char>(text[i++]);
    if (byte >> 6 != 2) return std::nullopt;
    return byte & 0x3Fu;
  };
  while (i < text.size()) {
    const auto first = static_cast<unsigned char>(text[i++]);
    unsigned more = 0;
    std::uint32_t code = first;
    if (first >= 0x80) {
      if (first >> 5 == 6)
        more = 1, code = first & 0x1Fu;
      else if (first >> 4 == 14)
        more = 2, code = first & 0x0Fu;
      else if (first >> 3 == 30)
        more = 3, code = first & 0x07u;
      else
        return false;
    }
    for (unsigned n = 0; n < more; ++n) {
      const auto bits = continuation();
      if (!bits) return false;
      code = code << 6 | *bits;
    }
    constexpr std::uint32_t least[] = {1, 0x80, 0x800, 0x1'0000};
    if (code < least[more] || code > 0x10'FFFF || (code >= 0xD800 && code <= 0xDFFF)) return false;
  }
  return true;
}

}  // namespace

TEST_CASE("[MQTT-1.5.4-1] well-formed UTF-8 is valid at its edges, ill-formed is not") {
  using test::hex;
  for (const auto* valid : {"", "01", "7F", "C2 80", "DF BF", "E0 A0 80", "ED 9F BF", "EE 80 80", "EF BF BF",
                            "EF B7 90", "F0 90 80 80", "F4 8F BF BF", "'some longer text' C3 A9 'and more of it'"}) {
    CAPTURE(valid);
    CHECK(valid_utf8(hex(valid)));
  }
  for (const auto* wrong : {"80",
                            "BF",
                            "C0 80",
                            "C1 BF",
                            "C2",
                            "C2 7F",
                            "C2 C0",
                            "E0 80 80",
                            "E0 9F BF",
                            "E1 80",
                            "E1 80 7F",
                            "ED A0 80",
                            "ED BF BF",
                            "F0 80 80 80",
                            "F0 8F BF BF",
                            "F4 90 80 80",
                            "F5 80 80 80",
                            "F8 88 80 80 80",
                            "FE",
                            "FF",
                            "'some longer text' C3",
                            "'some longer text' FF 'and more of it'"}) {
    CAPTURE(wrong);
    CHECK_FALSE(valid_utf8(hex(wrong)));
  }
}

TEST_CASE("[MQTT-1.5.4-2] U+0000 is not valid, wherever it stands in texts of any length") {
  for (std::size_t size = 1; size < 40; ++size) {
    for (std::size_t at = 0; at < size; ++at) {
      std::string text(size, 'x');
      CHECK(valid_utf8(text));
      text[at] = '\0';
      CHECK_FALSE(valid_utf8(text));
      text[at] = '\x80';
      CHECK_FALSE(valid_utf8(text));
      text[at] = '\x01';
      CHECK(valid_utf8(text));
    }
  }
}

TEST_CASE("[MQTT-1.5.4-3] U+FEFF is an ordinary character") { CHECK(valid_utf8("\xEF\xBB\xBFtext\xEF\xBB\xBF")); }

TEST_CASE("every sequence of up to three bytes is judged as the plain reference does") {
  std::string text;
  for (unsigned value = 0; value < 1u << 16; ++value) {
    text.assign({static_cast<char>(value >> 8), static_cast<char>(value)});
    if (valid_utf8(text) != plainly_valid(text)) FAIL(value);
  }
  for (unsigned value = 0xC0'00'00; value <= 0xFF'FF'FF; ++value) {
    text.assign({static_cast<char>(value >> 16), static_cast<char>(value >> 8), static_cast<char>(value)});
    if (valid_utf8(text) != plainly_valid(text)) FAIL(value);
  }
}

TEST_CASE("the first character of a text, or its first byte where that is none") {
  const auto first = [](std::string_view text) {
    const Character found = first_character(text);
    return std::tuple(found.bytes.size(), static_cast<unsigned>(found.code), found.utf8);
  };
  CHECK(first("ab") == std::tuple(1, 'a', true));
  CHECK(first({"\0b", 2}) == std::tuple(1, 0, true));
  CHECK(first("\u00E9b") == std::tuple(2, 0xE9, true));
  CHECK(first("\u202Eb") == std::tuple(3, 0x202E, true));
  CHECK(first("\U0001F600b") == std::tuple(4, 0x1F600, true));
  CHECK(first("\x9B") == std::tuple(1, 0x9B, false));
  CHECK(first("\xE2\x80") == std::tuple(1, 0xE2, false));
  CHECK(first("\xC0\x80") == std::tuple(1, 0xC0, false));
}

TEST_CASE("random texts are judged as the plain reference does") {
  std::mt19937 random(20261122);
  constexpr unsigned char interesting[] = {0x00, 0x01, 'a',  'z',  0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF,
                                           0xC0, 0xC1, 0xC2, 0xDF, 0xE0, 0xED, 0xEF, 0xF0, 0xF4, 0xF5, 0xFF};
  std::string text;
  unsigned valid = 0;
  for (int round = 0; round < 200'000; ++round) {
    text.clear();
    const std::size_t size = random() % 24;
    while (text.size() < size) {
      if (random() % 3 != 0) {
        text.push_back('a');
      } else {
        text.push_back(static_cast<char>(interesting[random() % std::size(interesting)]));
      }
    }
    const bool expected = plainly_valid(text);
    valid += expected ? 1 : 0;
    REQUIRE(valid_utf8(text) == expected);
  }
  CHECK(valid > 1000);  // the reference did not merely say no
}

}  // namespace bramble::mqtt
