#include "core/control/protocol.h"

#include <algorithm>
#include <charconv>

namespace bramble::control {

namespace {

bool written_plainly(char byte) {
  const auto value = static_cast<unsigned char>(byte);
  return value > ' ' && value != 0x7F && byte != '%' && byte != '=';
}

std::optional<std::string> decoded(std::string_view text) {
  std::string value;
  value.reserve(text.size());
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (written_plainly(text[at])) {
      value += text[at];
      continue;
    }
    const std::string_view digits = text.substr(at + 1, 2);
    unsigned byte = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), byte, 16);
    if (text[at] != '%' || digits.size() != 2 || error != std::errc{} || end != digits.data() + 2) return std::nullopt;
    value += static_cast<char>(byte);
    at += 2;
  }
  return value;
}

}  // namespace

Line& Line::add(std::string_view name, std::string_view value) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  text_ += ' ';
  text_ += name;
  text_ += '=';
  for (const char byte : value) {
    if (written_plainly(byte)) {
      text_ += byte;
    } else {
      const auto number = static_cast<unsigned char>(byte);
      text_ += {'%', kDigits[number >> 4], kDigits[number & 15]};
    }
  }
  return *this;
}

std::optional<Line> Line::parse(std::string_view text) {
  Line line;
  for (std::size_t begin = 0, parts = 1; begin <= text.size(); ++parts) {
    if (parts > kPartsMax) return std::nullopt;
    const auto end = std::min(text.find(' ', begin), text.size());
    const std::string_view part = text.substr(begin, end - begin);
    const auto equals = std::min(part.find('='), part.size());
    auto name = decoded(part.substr(0, equals));
    if (!name || name->empty()) return std::nullopt;
    if (equals == part.size()) {
      line.words_.push_back(std::move(*name));
    } else {
      auto value = decoded(part.substr(equals + 1));
      if (!value) return std::nullopt;
      line.values_.emplace_back(std::move(*name), std::move(*value));
    }
    begin = end + 1;
  }
  return line;
}

const std::string* Line::find(std::string_view name) const {
  const auto found = std::ranges::find(values_, name, [](const auto& each) -> std::string_view { return each.first; });
  return found == values_.end() ? nullptr : &found->second;
}

std::string Line::text_or(std::string_view name, std::string_view otherwise) const {
  const std::string* const found = find(name);
  return found ? *found : std::string(otherwise);
}

std::uint64_t Line::number_or(std::string_view name, std::uint64_t otherwise) const {
  const std::string* const found = find(name);
  if (!found) return otherwise;
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(found->data(), found->data() + found->size(), number);
  return error == std::errc{} && end == found->data() + found->size() ? number : otherwise;
}

}  // namespace bramble::control
