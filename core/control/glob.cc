#include "core/control/glob.h"

#include <algorithm>

namespace bramble::control {

namespace {

/// Bytes up to the end of the first character; a text that is no UTF-8 has single bytes.
std::string_view first_of(std::string_view text) {
  std::size_t size = 1;
  while (size < text.size() && (static_cast<unsigned char>(text[size]) & 0xC0) == 0x80) ++size;
  return text.substr(0, size);
}

std::string_view take_first(std::string_view& text) {
  const std::string_view first = first_of(text);
  text.remove_prefix(first.size());
  return first;
}

/// Code points in UTF-8 are in the order of their bytes.
bool between(std::string_view low, std::string_view character, std::string_view high) {
  return low <= character && character <= high;
}

/// `pattern` begins behind a '['. Takes what is up to the ']' and says whether the character is in it; leaves it alone
/// if there is no ']'.
enum class InClass { no_class, yes, no };
InClass in_class(std::string_view& pattern, std::string_view character) {
  std::string_view rest = pattern;
  const bool inverted = rest.starts_with('!') || rest.starts_with('^');
  if (inverted) rest.remove_prefix(1);
  bool found = false;
  for (bool first = true; !rest.empty(); first = false) {
    if (rest.front() == ']' && !first) {
      pattern = rest.substr(1);
      return found != inverted ? InClass::yes : InClass::no;
    }
    if (rest.front() == '\\' && rest.size() > 1) rest.remove_prefix(1);
    const std::string_view low = take_first(rest);
    std::string_view high = low;
    if (rest.size() > 1 && rest.front() == '-' && rest[1] != ']') {
      rest.remove_prefix(1);
      high = take_first(rest);
    }
    found |= between(low, character, high);
  }
  return InClass::no_class;
}

/// The next of the pattern, no '*', against the next of the text. Both go on if it fits.
bool fits(std::string_view& pattern, std::string_view& text) {
  std::string_view after = pattern;
  std::string_view rest = text;
  const std::string_view character = take_first(rest);
  std::string_view wanted = take_first(after);
  bool same = wanted == character;
  if (wanted == "?") {
    same = true;
  } else if (wanted == "[") {
    const InClass answer = in_class(after, character);
    if (answer != InClass::no_class) same = answer == InClass::yes;
  } else if (wanted == "\\" && !after.empty()) {
    same = take_first(after) == character;
  }
  if (!same) return false;
  pattern = after;
  text = rest;
  return true;
}

}  // namespace

bool looks_like(std::string_view text, std::string_view pattern) {
  bool starred = false;
  std::string_view behind_star, from_star;  // of the last '*': the pattern, and the text that is left for it
  while (!text.empty()) {
    if (pattern.starts_with('*')) {
      pattern.remove_prefix(1);
      starred = true;
      behind_star = pattern;
      from_star = text;
    } else if (pattern.empty() || !fits(pattern, text)) {
      if (!starred) return false;
      take_first(from_star);  // that '*' takes one more
      text = from_star;
      pattern = behind_star;
    }
  }
  return std::ranges::all_of(pattern, [](char each) { return each == '*'; });
}

}  // namespace bramble::control
