#include "tools/bench/output/numbers.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

namespace bramble::bench {

std::string fixed(double value, int decimals) {
  std::array<char, 64> text{};
  const int size = std::snprintf(text.data(), text.size(), "%.*f", decimals, value);
  return {text.data(), static_cast<std::size_t>(std::clamp(size, 0, 63))};
}

std::string for_people(double value) {
  const bool whole = value == std::floor(value) && std::abs(value) < 1e15;
  const int decimals = whole || std::abs(value) >= 1000 ? 0 : std::abs(value) >= 10 ? 2 : 3;
  std::string text = fixed(value, decimals);
  const std::size_t first = text.front() == '-' ? 1 : 0;
  for (std::size_t at = std::min(text.find('.'), text.size()); at > first + 3; at -= 3) text.insert(at - 3, 1, ' ');
  return text;
}

std::string in_short(double value) {
  struct Unit {
    double from;
    const char* letter;
  };
  constexpr std::array<Unit, 3> kUnits{{{1e9, "G"}, {1e6, "M"}, {1e3, "k"}}};
  double scaled = value;
  const char* letter = "";
  for (const auto& unit : kUnits) {
    if (std::abs(value) < unit.from * 0.9995) continue;
    scaled = value / unit.from;
    letter = unit.letter;
    break;
  }
  const bool whole = scaled == std::floor(scaled) && *letter == '\0';
  const double size = std::abs(scaled);
  return fixed(scaled, whole || size >= 99.95 ? 0 : size >= 9.995 ? 1 : 2) + letter;
}

}  // namespace bramble::bench
