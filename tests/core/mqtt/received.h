#pragma once

#include <doctest/doctest.h>
#include <string>
#include <string_view>

#include "core/base/result.h"
#include "core/mqtt/frame.h"
#include "core/mqtt/reason_code.h"

namespace bramble::mqtt::test {

/// Literal bytes as the standard prints them: hexadecimal pairs and 'text', with blanks between.
inline std::string hex(std::string_view literal) {
  const auto digit = [](char c) { return c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10; };
  std::string bytes;
  for (std::size_t i = 0; i < literal.size(); ++i) {
    if (literal[i] == ' ') continue;
    if (literal[i] == '\'') {
      for (++i; literal[i] != '\''; ++i) bytes.push_back(literal[i]);
    } else {
      bytes.push_back(static_cast<char>(digit(literal[i]) * 16 + digit(literal[i + 1])));
      ++i;
    }
  }
  return bytes;
}

/// A packet of literal bytes: its first byte and its body; only the Remaining Length is filled in.
struct Received {
  Received(unsigned first, std::string_view body, Version version = Version::v5) {
    const std::string content = hex(body);
    REQUIRE(content.size() < 128);
    bytes.push_back(static_cast<char>(first));
    bytes.push_back(static_cast<char>(content.size()));
    bytes += content;
    const auto found = next_frame(bytes, 0, version);
    REQUIRE(found);
    REQUIRE(found->size == bytes.size());
    frame = *found;
  }
  Received(const Received&) = delete;

  std::string bytes;
  Frame frame;
};

/// Success, or why not.
template <class T>
ReasonCode code_of(const Result<T>& result) {
  return result ? ReasonCode::success : result.error().code;
}

inline constexpr auto kMalformed = ReasonCode::malformed_packet;
inline constexpr auto kProtocolError = ReasonCode::protocol_error;
inline constexpr auto kFine = ReasonCode::success;

inline constexpr Version kVersions[] = {Version::v3_1, Version::v3_1_1, Version::v5};

}  // namespace bramble::mqtt::test
