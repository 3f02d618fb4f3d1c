#include "tools/bench/naming.h"

namespace bramble::bench {

bool is_template(std::string_view text) { return text.find('%') != std::string_view::npos; }

bool is_template_of(std::string_view text, std::string_view known) {
  for (std::size_t at = text.find('%'); at != std::string_view::npos; at = text.find('%', at + 2)) {
    if (at + 1 == text.size()) return false;
    if (text[at + 1] != '%' && known.find(text[at + 1]) == std::string_view::npos) return false;
  }
  return true;
}

std::string fill_template(std::string_view text, std::uint32_t number, std::string_view client_id) {
  std::string filled;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char next = at + 1 < text.size() ? text[at + 1] : '\0';
    if (text[at] != '%') {
      filled += text[at];
      continue;
    }
    ++at;
    if (next == 'i') filled += std::to_string(number);
    if (next == 'c') filled += client_id;
    if (next == '%') filled += '%';
  }
  return filled;
}

}  // namespace bramble::bench
