#pragma once

#include <algorithm>
#include <cstdint>
#include <doctest/doctest.h>
#include <string>
#include <string_view>
#include <vector>

#include "broker/config/config.h"

namespace bramble::testing {

/// What `text` means, as the file b.conf; `ports` are those of the command line.
inline OrMessage<Config> read(std::string_view text, const std::vector<std::uint16_t>& ports = {}) {
  return make_config(split_config(text, "b.conf"), ports);
}

inline Config must_read(std::string_view text) {
  auto config = read(text);
  REQUIRE_MESSAGE(config.has_value(), config.error());
  return std::move(*config);
}

inline std::string error_of(std::string_view text) {
  const auto config = read(text);
  return config ? "" : config.error();
}

inline bool contains(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

inline bool warns(const Config& config, std::string_view part) {
  return std::ranges::any_of(config.warnings, [&](const std::string& line) { return contains(line, part); });
}

}  // namespace bramble::testing
