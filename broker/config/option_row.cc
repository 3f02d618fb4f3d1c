#include "broker/config/option_row.h"

#include <charconv>

namespace bramble {

namespace {

std::string allowed(const Range& range) {
  std::string text = "a whole number from " + std::to_string(range.low) + " to " + std::to_string(range.high);
  if (range.also < range.low || range.also > range.high) text += ", or " + std::to_string(range.also);
  return text;
}

}  // namespace

std::optional<std::int64_t> parse_number(std::string_view text) {
  std::int64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc{} || stopped != end) return std::nullopt;
  return number;
}

std::string_view one_word(std::string_view value) {
  const auto word = value.find_first_of(" \t");
  if (word == std::string_view::npos) return value;
  const auto after = value.find_first_not_of(" \t", word);
  const bool comment = after == std::string_view::npos || value[after] == '#';
  return comment ? value.substr(0, word) : value;
}

std::string read_value(bool& to, std::string_view value, const Range&) {
  value = one_word(value);
  if (value == "true" || value == "1") {
    to = true;
  } else if (value == "false" || value == "0") {
    to = false;
  } else {
    return std::string(value) + " is neither true nor false";
  }
  return {};
}

std::string read_value(std::optional<bool>& to, std::string_view value, const Range& range) {
  bool flag = false;
  std::string wrong = read_value(flag, value, range);
  if (wrong.empty()) to = flag;
  return wrong;
}

std::string read_value(std::string& to, std::string_view value, const Range&) {
  to = value;
  return {};
}

std::string read_value(std::vector<std::string>& to, std::string_view value, const Range&) {
  to.emplace_back(value);
  return {};
}

std::string read_value(std::chrono::seconds& to, std::string_view value, const Range& range) {
  std::int64_t number = 0;
  std::string wrong = read_number(number, value, range);
  if (wrong.empty()) to = std::chrono::seconds(number);
  return wrong;
}

std::string read_number(std::int64_t& to, std::string_view value, const Range& range) {
  value = one_word(value);
  auto number = parse_number(value);
  if (number && *number < 0 && range.negative) number = range.negative;
  if (!number || ((*number < range.low || *number > range.high) && *number != range.also)) {
    return std::string(value) + " is not " + allowed(range);
  }
  to = *number;
  return {};
}

std::string show_value(const std::vector<std::string>& value) {
  std::string shown;
  for (const std::string& each : value) shown += (shown.empty() ? "" : ", ") + each;
  return shown;
}

std::string show_value(bool value) { return value ? "true" : "false"; }

}  // namespace bramble
