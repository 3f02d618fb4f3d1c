#pragma once

#include <algorithm>
#include <string_view>

/// Words of HTTP (RFC 9110 5.6). ASCII whatever the locale.  Threads: any.
namespace bramble::http {

constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
constexpr bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
constexpr char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; }
constexpr bool is_blank(char c) { return c == ' ' || c == '\t'; }
constexpr bool is_token_char(char c) {
  return is_digit(c) || is_letter(c) || std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}
/// Printable ASCII, no blank.
constexpr bool is_visible(char c) { return c > 0x20 && c < 0x7F; }

inline bool is_token(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), is_token_char);
}
inline bool same_word(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) { return lower(x) == lower(y); });
}
/// Without blanks at both ends.
inline std::string_view trimmed(std::string_view text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}
/// Takes the first element off a list with commas, trimmed; perhaps an empty one.
inline std::string_view next_of_list(std::string_view& list) {
  const std::size_t comma = std::min(list.find(','), list.size());
  const std::string_view element = trimmed(list.substr(0, comma));
  list.remove_prefix(std::min(comma + 1, list.size()));
  return element;
}
/// Is `word` in the list, in any case?
inline bool list_has(std::string_view list, std::string_view word) {
  while (!list.empty()) {
    if (same_word(next_of_list(list), word)) return true;
  }
  return false;
}

}  // namespace bramble::http
