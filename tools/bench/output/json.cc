#include "tools/bench/output/json.h"

#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>

namespace bramble::bench {

namespace {

constexpr int kDepthMax = 32;

void append_quoted(std::string& out, std::string_view text) {
  out += '"';
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (static_cast<unsigned char>(c) >= 0x20) {
      out += c;
    } else {
      std::array<char, 8> escape{};
      std::snprintf(escape.data(), escape.size(), "\\u%04x", static_cast<unsigned>(c));
      out += escape.data();
    }
  }
  out += '"';
}

void append_utf8(std::string& out, unsigned code) {
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += static_cast<char>(0xC0 | code >> 6);
    out += static_cast<char>(0x80 | (code & 0x3F));
  } else {
    out += static_cast<char>(0xE0 | code >> 12);
    out += static_cast<char>(0x80 | (code >> 6 & 0x3F));
    out += static_cast<char>(0x80 | (code & 0x3F));
  }
}

/// Whole numbers as they are, others with seven digits: no figure here is known better.
void append_number(std::string& out, double value) {
  if (!std::isfinite(value)) {
    out += "null";
    return;
  }
  const bool whole = value == std::floor(value) && std::abs(value) < 1e15;
  std::array<char, 32> text{};
  const int size = std::snprintf(text.data(), text.size(), "%.*g", whole ? 15 : 7, value);
  out.append(text.data(), static_cast<std::size_t>(size));
}

/// One value after the other from the front of a text. Nothing: the text is wrong there.
class Parser {
 public:
  explicit Parser(std::string_view text) : rest_(text) {}

  std::optional<Json> value(int depth) {
    skip_space();
    if (depth > kDepthMax || rest_.empty()) return std::nullopt;
    switch (rest_.front()) {
      case '{': return object(depth);
      case '[': return array(depth);
      case '"': {
        auto text = string();
        return text ? std::optional<Json>(std::move(*text)) : std::nullopt;
      }
      case 't': return word("true", Json(true));
      case 'f': return word("false", Json(false));
      case 'n': return word("null", Json());
      default: return number();
    }
  }
  bool at_end() {
    skip_space();
    return rest_.empty();
  }

 private:
  void skip_space() {
    while (!rest_.empty() && std::string_view(" \t\r\n").find(rest_.front()) != std::string_view::npos)
      rest_.remove_prefix(1);
  }
  bool take(char c) {
    skip_space();
    if (rest_.empty() || rest_.front() != c) return false;
    rest_.remove_prefix(1);
    return true;
  }
  std::optional<Json> word(std::string_view text, Json value) {
    if (!rest_.starts_with(text)) return std::nullopt;
    rest_.remove_prefix(text.size());
    return value;
  }
  std::optional<Json> number() {
    double value = 0;
    const auto [end, fault] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), value);
    if (fault != std::errc{} || !std::isfinite(value)) return std::nullopt;
    rest_.remove_prefix(static_cast<std::size_t>(end - rest_.data()));
    return Json(value);
  }

  std::optional<std::string> string() {
    if (!take('"')) return std::nullopt;
    std::string text;
    while (!rest_.empty() && rest_.front() != '"') {
      const char c = rest_.front();
      rest_.remove_prefix(1);
      if (c != '\\') {
        text += c;
      } else if (!escape(text)) {
        return std::nullopt;
      }
    }
    if (!take('"')) return std::nullopt;
    return text;
  }
  bool escape(std::string& to) {
    constexpr std::string_view kFrom = "\"\\/bfnrt", kTo = "\"\\/\b\f\n\r\t";
    if (rest_.empty()) return false;
    const char c = rest_.front();
    rest_.remove_prefix(1);
    if (const auto at = kFrom.find(c); at != std::string_view::npos) {
      to += kTo[at];
      return true;
    }
    unsigned code = 0;
    const auto digits = rest_.substr(0, 4);
    const auto [end, fault] = std::from_chars(digits.data(), digits.data() + digits.size(), code, 16);
    if (c != 'u' || digits.size() < 4 || fault != std::errc{} || end != digits.data() + 4) return false;
    rest_.remove_prefix(4);
    append_utf8(to, code);
    return true;
  }

  std::optional<Json> array(int depth) {
    take('[');
    Json::Array values;
    if (take(']')) return Json(std::move(values));
    do {
      auto next = value(depth + 1);
      if (!next) return std::nullopt;
      values.push_back(std::move(*next));
    } while (take(','));
    return take(']') ? std::optional<Json>(std::move(values)) : std::nullopt;
  }
  std::optional<Json> object(int depth) {
    take('{');
    Json::Object members;
    if (take('}')) return Json(std::move(members));
    do {
      skip_space();
      auto name = string();
      if (!name || !take(':')) return std::nullopt;
      auto next = value(depth + 1);
      if (!next) return std::nullopt;
      members.emplace_back(std::move(*name), std::move(*next));
    } while (take(','));
    return take('}') ? std::optional<Json>(std::move(members)) : std::nullopt;
  }

  std::string_view rest_;
};

}  // namespace

Json::Json(const Json&) = default;
Json::Json(Json&&) noexcept = default;
Json& Json::operator=(const Json&) = default;
Json& Json::operator=(Json&&) noexcept = default;
Json::~Json() = default;

std::optional<Json> Json::parse(std::string_view text) {
  Parser parser(text);
  auto value = parser.value(0);
  if (!value || !parser.at_end()) return std::nullopt;
  return value;
}

std::string Json::dump() const {
  std::string out;
  dump_to(out);
  return out;
}

void Json::dump_to(std::string& out) const {
  if (const auto* flag = std::get_if<bool>(&value_)) {
    out += *flag ? "true" : "false";
  } else if (number()) {
    append_number(out, *number());
  } else if (text()) {
    append_quoted(out, *text());
  } else if (array()) {
    out += '[';
    for (const auto& value : *array()) {
      if (&value != array()->data()) out += ',';
      value.dump_to(out);
    }
    out += ']';
  } else if (object()) {
    out += '{';
    bool first = true;
    for (const auto& [name, value] : *object()) {
      if (!first) out += ',';
      first = false;
      append_quoted(out, name);
      out += ':';
      value.dump_to(out);
    }
    out += '}';
  } else {
    out += "null";
  }
}

const Json* Json::find(std::string_view name) const {
  if (!object()) return nullptr;
  for (const auto& [key, value] : *object()) {
    if (key == name) return &value;
  }
  return nullptr;
}

double Json::number_or(std::string_view name, double otherwise) const {
  const Json* value = find(name);
  return value && value->number() ? *value->number() : otherwise;
}

std::string Json::text_or(std::string_view name, std::string otherwise) const {
  const Json* value = find(name);
  return value && value->text() ? *value->text() : std::move(otherwise);
}

}  // namespace bramble::bench
