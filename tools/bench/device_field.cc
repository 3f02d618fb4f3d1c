#include "tools/bench/device_field.h"

#include <algorithm>
#include <array>

namespace bramble::bench {

namespace {

struct Levels {
  std::string a, b, c;
};

Levels levels_of(std::uint32_t device) {
  return {std::to_string(device % 100), std::to_string(device / 100 % 100), std::to_string(device)};
}

}  // namespace

DeviceField::DeviceField(std::string_view prefix, std::uint32_t filters, std::uint32_t publishers,
                         std::uint32_t subscribers)
    : prefix_(prefix), subscribers_(subscribers), offsets_{0} {
  const std::uint32_t devices = std::max(filters / 6, publishers) * 3;
  for (std::uint32_t i = 0; i < devices; ++i) {
    const auto [a, b, c] = levels_of(i);
    topics_ += prefix_ + "/" + a + "/" + b + "/" + c + "/temp";
    offsets_.push_back(static_cast<std::uint32_t>(topics_.size()));
  }
}

std::uint32_t DeviceField::device_of(std::uint32_t filter) {
  constexpr std::array<std::uint32_t, 6> kOfSix{0, 1, 1, 2, 2, 2};
  return filter / 6 * 3 + kOfSix[filter % 6];
}

std::string DeviceField::filter(std::uint32_t number) const {
  const auto [a, b, c] = levels_of(device_of(number));
  const auto joined = [this](const std::string& first, const std::string& second, const std::string& third,
                             const char* last) { return prefix_ + "/" + first + "/" + second + "/" + third + last; };
  switch (number % 6) {
    case 0: return joined(a, b, c, "/+");
    case 1: return joined(a, "+", c, "/temp");
    case 2: return joined("+", b, c, "/#");
    case 3: return joined(a, b, c, "/#");
    case 4: return joined(a, "+", c, "/+");
    default: return joined("+", b, c, "/temp");
  }
}

std::vector<std::string> DeviceField::filters_for(std::uint32_t subscriber) const {
  std::vector<std::string> all;
  for (std::uint32_t i = subscriber; i < filters(); i += subscribers_) all.push_back(filter(i));
  return all;
}

std::optional<std::size_t> DeviceField::place_of(std::uint32_t device, std::uint32_t subscriber) const {
  const std::uint32_t first = first_filter(device), end = first + filters_of(device);
  for (std::uint32_t filter = first; filter < end && filter < filters(); ++filter) {
    if (filter % subscribers_ == subscriber) return filter / subscribers_;
  }
  return std::nullopt;
}

}  // namespace bramble::bench
