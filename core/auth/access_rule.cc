#include "core/auth/access_rule.h"

namespace bramble {
namespace {

enum class Piece { text, client_id, user };

/// Takes the next piece off the front of `left`: a placeholder, or the text up to the next one.
Piece next_piece(std::string_view& left, std::string_view& text) {
  std::size_t end = 0;
  for (; end < left.size(); ++end) {
    if (left[end] != '%' || end + 1 == left.size() || (left[end + 1] != 'c' && left[end + 1] != 'u')) continue;
    if (end > 0) break;
    const Piece piece = left[1] == 'c' ? Piece::client_id : Piece::user;
    left.remove_prefix(2);
    return piece;
  }
  text = left.substr(0, end);
  left.remove_prefix(end);
  return Piece::text;
}

/// What stands for the next piece, or nothing: a name that the client does not have.
std::optional<std::string_view> next_spelt(std::string_view& left, const Names& names) {
  std::string_view text;
  switch (next_piece(left, text)) {
    case Piece::client_id:
      if (names.client_id.empty()) return std::nullopt;
      return names.client_id;
    case Piece::user: return names.user;
    case Piece::text: break;
  }
  return text;
}

}  // namespace

std::string Rule::text() const {
  constexpr std::string_view kWords[] = {"deny ", "read ", "write ", "readwrite "};
  return std::string(pattern ? "pattern " : "topic ").append(kWords[accesses]).append(filter);
}

bool spells(std::string_view level, const Names& names, std::string_view text) {
  while (!level.empty()) {
    const auto piece = next_spelt(level, names);
    if (!piece || !text.starts_with(*piece)) return false;
    text.remove_prefix(piece->size());
  }
  return text.empty();
}

std::optional<std::string> spelt_out(const Rule& rule, const Names& names) {
  if (!rule.has_names()) return std::string(rule.filter);
  std::string spelt;
  for (auto left = rule.filter; !left.empty();) {
    const auto piece = next_spelt(left, names);
    if (!piece) return std::nullopt;
    spelt += *piece;
  }
  return spelt;
}

bool holds_placeholder(std::string_view text) {
  return text.find("%c") != std::string_view::npos || text.find("%u") != std::string_view::npos;
}

}  // namespace bramble
