#include "tools/ctl/table.h"

#include <clocale>
#include <cwchar>
#include <fmt/format.h>

#include "core/mqtt/utf8.h"

namespace bramble::ctl {

namespace {

constexpr std::size_t kCellColumns = 40;

/// 0: it is written as an escape.
std::size_t columns_of(const mqtt::Character& character) {
  const char32_t code = character.code;
  if (!character.utf8 || mqtt::is_control(code)) return 0;
  static const bool utf8 = std::setlocale(LC_CTYPE, "C.UTF-8") != nullptr;
  const int columns = utf8 ? ::wcwidth(static_cast<wchar_t>(code)) : (code >= ' ' && code < 0x7F ? 1 : 0);
  return columns > 0 && code != '\\' ? static_cast<std::size_t>(columns) : 0;
}

std::string escape(const mqtt::Character& character) {
  if (character.code == '\\') return "\\\\";
  if (character.code == '\n') return "\\n";
  if (character.bytes.size() == 1) return fmt::format("\\x{:02x}", static_cast<unsigned>(character.code));
  return fmt::format("\\u{{{:x}}}", static_cast<unsigned>(character.code));
}

struct Cell {
  std::string text;
  std::size_t columns = 0;
};

/// `columns_max` 0: no limit.
Cell cell_of(std::string_view text, std::size_t columns_max) {
  Cell cell;
  while (!text.empty()) {
    const mqtt::Character character = mqtt::first_character(text);
    const std::size_t own_columns = columns_of(character);
    const std::string shown = own_columns != 0 ? std::string(character.bytes) : escape(character);
    const std::size_t columns = own_columns != 0 ? own_columns : shown.size();
    const bool last = character.bytes.size() == text.size();
    if (columns_max != 0 && cell.columns + columns + (last ? 0 : 1) > columns_max) {
      cell.text += "…";
      ++cell.columns;
      return cell;
    }
    cell.text += shown;
    cell.columns += columns;
    text.remove_prefix(character.bytes.size());
  }
  return cell;
}

}  // namespace

std::string printable(std::string_view text) { return cell_of(text, 0).text; }

std::string table(const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::vector<Cell>> cells;
  std::vector<std::size_t> widths;
  for (const auto& row : rows) {
    auto& line = cells.emplace_back();
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) {
      line.push_back(cell_of(row[i], kCellColumns));
      widths[i] = std::max(widths[i], line.back().columns);
    }
  }
  std::string text;
  for (const auto& line : cells) {
    for (std::size_t i = 0; i < line.size(); ++i) {
      text += line[i].text;
      if (i + 1 < line.size()) text.append(widths[i] - line[i].columns + 2, ' ');
    }
    text += '\n';
  }
  return text;
}

}  // namespace bramble::ctl
