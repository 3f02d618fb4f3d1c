#include "core/websocket/path.h"

#include <algorithm>
#include <array>

#include "core/mqtt/utf8.h"
#include "core/websocket/http_text.h"

namespace bramble {

namespace {

std::optional<unsigned> hex_digit(char c) {
  if (http::is_digit(c)) return static_cast<unsigned>(c - '0');
  const char letter = http::lower(c);
  if (letter >= 'a' && letter <= 'f') return static_cast<unsigned>(letter - 'a' + 10);
  return std::nullopt;
}

/// Each %XX as the byte it is; none of them may be a '/', a backslash or a control character.
std::optional<std::string> percent_decoded(std::string_view raw) {
  std::string text;
  text.reserve(raw.size());
  for (std::size_t i = 0; i < raw.size(); ++i) {
    char c = raw[i];
    if (!http::is_visible(c) || c == '\\' || c == '#') return std::nullopt;
    if (c == '%') {
      if (raw.size() - i < 3) return std::nullopt;
      const auto high = hex_digit(raw[i + 1]);
      const auto low = hex_digit(raw[i + 2]);
      if (!high || !low) return std::nullopt;
      const unsigned byte = *high << 4 | *low;
      if (byte == '/' || byte == '\\' || byte < 0x20 || byte == 0x7F) return std::nullopt;
      c = static_cast<char>(byte);
      i += 2;
    }
    text.push_back(c);
  }
  return text;
}

struct MediaType {
  std::string_view extension;
  std::string_view type;
};
constexpr auto kMediaTypes = std::to_array<MediaType>({
    {"html", "text/html; charset=utf-8"},
    {"htm", "text/html; charset=utf-8"},
    {"js", "text/javascript; charset=utf-8"},
    {"mjs", "text/javascript; charset=utf-8"},
    {"css", "text/css; charset=utf-8"},
    {"json", "application/json"},
    {"map", "application/json"},
    {"webmanifest", "application/manifest+json"},
    {"txt", "text/plain; charset=utf-8"},
    {"md", "text/plain; charset=utf-8"},
    {"csv", "text/csv; charset=utf-8"},
    {"xml", "application/xml"},
    {"svg", "image/svg+xml"},
    {"png", "image/png"},
    {"jpg", "image/jpeg"},
    {"jpeg", "image/jpeg"},
    {"gif", "image/gif"},
    {"webp", "image/webp"},
    {"avif", "image/avif"},
    {"ico", "image/vnd.microsoft.icon"},
    {"woff", "font/woff"},
    {"woff2", "font/woff2"},
    {"ttf", "font/ttf"},
    {"otf", "font/otf"},
    {"wasm", "application/wasm"},
    {"pdf", "application/pdf"},
    {"mp3", "audio/mpeg"},
    {"mp4", "video/mp4"},
    {"webm", "video/webm"},
});

}  // namespace

std::optional<std::string> decode_path(std::string_view raw) {
  if (!raw.starts_with('/')) return std::nullopt;
  const auto text = percent_decoded(raw);
  if (!text || !mqtt::valid_utf8(*text)) return std::nullopt;
  std::string path = "/";  // ends with '/' before each segment
  std::string_view left = *text;
  while (!left.empty()) {
    left.remove_prefix(1);  // the '/'
    const std::size_t size = std::min(left.find('/'), left.size());
    const std::string_view segment = left.substr(0, size);
    left.remove_prefix(size);
    if (segment.empty() || segment == ".") continue;
    if (segment != "..") {
      path += segment;
      if (!left.empty()) path += '/';
      continue;
    }
    if (path.size() == 1) return std::nullopt;
    path.erase(path.rfind('/', path.size() - 2) + 1);
  }
  return path;
}

std::string_view media_type(std::string_view path) {
  const std::string_view name = path.substr(path.rfind('/') + 1);
  const std::size_t dot = name.rfind('.');
  if (dot != std::string_view::npos) {
    for (const auto& [extension, type] : kMediaTypes) {
      if (http::same_word(name.substr(dot + 1), extension)) return type;
    }
  }
  return "application/octet-stream";
}

}  // namespace bramble
