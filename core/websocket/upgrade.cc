#include "core/websocket/upgrade.h"

#include <algorithm>
#include <array>

#include "core/websocket/http_text.h"
#include "core/websocket/path.h"

namespace bramble {

enum class RequestReader::Field : std::uint8_t {
  host,
  connection,
  upgrade,
  key,
  version,
  protocol,
  extensions,
  origin,
  forwarded_for,
  if_none_match,
  content_length,
  transfer_encoding,
};

namespace {

constexpr auto kProtocols = std::to_array<std::string_view>({"mqtt", "mqttv3.1"});

/// Base64 of 16 bytes: 22 digits and "==" (RFC 6455 4.2.1).
bool is_key(std::string_view text) {
  return text.size() == 24 && text.ends_with("==") && std::all_of(text.begin(), text.end() - 2, [](char c) {
           return http::is_digit(c) || http::is_letter(c) || c == '+' || c == '/';
         });
}

/// uri-host [":" port] (RFC 9110 7.2), by its characters.
bool is_host(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return http::is_digit(c) || http::is_letter(c) ||
           std::string_view("-._~!$&'()*+,;=%:[]").find(c) != std::string_view::npos;
  });
}

}  // namespace

RequestReader::RequestReader(std::size_t head_bytes_max) : head_bytes_max_(std::min(head_bytes_max, kHeadBytesMax)) {}

RequestReader::Taken RequestReader::take(std::string_view bytes) {
  std::size_t used = 0;
  while (used < bytes.size() && state_ == State::more) take_byte(bytes[used++]);
  return {state_, used};
}

void RequestReader::take_byte(char c) {
  if (++head_bytes_ > head_bytes_max_) return fail(HttpStatus::headers_too_large, "a head of more bytes than allowed");
  const bool after_cr = line_.ends_with('\r');
  if (c == '\n') {
    if (!after_cr) return fail(HttpStatus::bad_request, "a line that does not end with CR LF");
    line_.pop_back();
    take_line(line_);
    return line_.clear();
  }
  const auto byte = static_cast<unsigned char>(c);
  if (after_cr || (byte < 0x20 && c != '\t' && c != '\r') || byte == 0x7F) {
    return fail(HttpStatus::bad_request, "a control character");
  }
  line_.push_back(c);
}

void RequestReader::take_line(std::string_view line) {
  if (lines_++ == 0) return take_request_line(line);
  if (line.empty()) return finish();
  if (lines_ > kHeaderLinesMax + 1) return fail(HttpStatus::headers_too_large, "more header lines than allowed");
  take_header(line);
}

void RequestReader::take_request_line(std::string_view line) {
  const std::size_t first = line.find(' ');
  const std::size_t last = line.rfind(' ');
  if (first == std::string_view::npos || first == last || !http::is_token(line.substr(0, first))) {
    return fail(HttpStatus::bad_request, "not a request line");
  }
  const std::string_view method = line.substr(0, first);
  const std::string_view version = line.substr(last + 1);
  request_.head_only = method == "HEAD";
  if (version != "HTTP/1.1" && version != "HTTP/1.0") {
    return version.starts_with("HTTP/") ? fail(HttpStatus::version_not_supported, "a version other than HTTP/1.1")
                                        : fail(HttpStatus::bad_request, "not a request line");
  }
  if (method != "GET" && method != "HEAD") return fail(HttpStatus::method_not_allowed, "a method other than GET");
  http_1_0_ = version == "HTTP/1.0";
  take_target(line.substr(first + 1, last - first - 1));
}

/// "/path?query", or the same behind "http://host", which then is the one that counts (RFC 9112 3.2.2).
void RequestReader::take_target(std::string_view target) {
  if (!std::all_of(target.begin(), target.end(), http::is_visible)) {
    return fail(HttpStatus::bad_request, "not a request line");
  }
  const std::size_t scheme = target.starts_with('/') ? std::string_view::npos : target.find("://");
  if (scheme != std::string_view::npos) {
    const std::string_view name = target.substr(0, scheme);
    constexpr std::string_view kSchemes = "http,https,ws,wss";
    target.remove_prefix(scheme + 3);
    const std::size_t host_size = std::min(target.find_first_of("/?"), target.size());
    if (!http::list_has(kSchemes, name) || !is_host(target.substr(0, host_size))) {
      return fail(HttpStatus::bad_request, "a target that is not ours");
    }
    request_.host = target.substr(0, host_size);
    host_from_target_ = true;
    target.remove_prefix(host_size);
  }
  const std::string_view raw = target.substr(0, target.find('?'));
  auto path = decode_path(raw.empty() && host_from_target_ ? "/" : raw);
  if (!path) return fail(HttpStatus::bad_request, "a path that is not allowed");
  request_.path = std::move(*path);
}

void RequestReader::take_header(std::string_view line) {
  struct Row {
    std::string_view name;
    Field field;
    bool may_repeat;
  };
  static constexpr auto kRows = std::to_array<Row>({
      {"Host", Field::host, false},
      {"Connection", Field::connection, true},
      {"Upgrade", Field::upgrade, true},
      {"Sec-WebSocket-Key", Field::key, false},
      {"Sec-WebSocket-Version", Field::version, false},
      {"Sec-WebSocket-Protocol", Field::protocol, true},
      {"Sec-WebSocket-Extensions", Field::extensions, true},
      {"Origin", Field::origin, false},
      {"X-Forwarded-For", Field::forwarded_for, true},
      {"If-None-Match", Field::if_none_match, false},
      {"Content-Length", Field::content_length, false},
      {"Transfer-Encoding", Field::transfer_encoding, false},
  });
  if (http::is_blank(line.front())) return fail(HttpStatus::bad_request, "a folded header line");
  const std::size_t colon = line.find(':');
  const std::string_view name = line.substr(0, colon);
  if (colon == std::string_view::npos || !http::is_token(name)) {
    return fail(HttpStatus::bad_request, "a line that is not a header");
  }
  const auto* const row =
      std::find_if(kRows.begin(), kRows.end(), [name](const Row& known) { return http::same_word(known.name, name); });
  if (row == kRows.end()) return;
  const std::uint32_t bit = 1u << static_cast<unsigned>(row->field);
  if ((seen_ & bit) && !row->may_repeat) return fail(HttpStatus::bad_request, "a header twice that may be there once");
  seen_ |= bit;
  take_field(row->field, http::trimmed(line.substr(colon + 1)));
}

void RequestReader::take_field(Field field, std::string_view value) {
  switch (field) {
    case Field::host:
      if (!is_host(value)) return fail(HttpStatus::bad_request, "a Host that is none");
      if (!host_from_target_) request_.host = value;
      return;
    case Field::connection: connection_upgrade_ |= http::list_has(value, "upgrade"); return;
    case Field::upgrade: upgrade_websocket_ |= http::list_has(value, "websocket"); return;
    case Field::key: request_.key = value; return;
    case Field::version: version_ = value; return;
    case Field::protocol: return take_protocols(value);
    case Field::extensions: request_.offers_extensions |= !value.empty(); return;
    case Field::origin: request_.origin = value; return;
    case Field::forwarded_for:
      if (!request_.forwarded_for.empty()) request_.forwarded_for += ", ";
      request_.forwarded_for += value;
      return;
    case Field::if_none_match: request_.if_none_match = value; return;
    case Field::content_length:
      if (value != "0") fail(HttpStatus::bad_request, "a request with a body");
      return;
    case Field::transfer_encoding: return fail(HttpStatus::bad_request, "a request with a body");
  }
}

void RequestReader::take_protocols(std::string_view list) {
  while (!list.empty()) {
    const std::string_view name = http::next_of_list(list);
    if (!name.empty() && !http::is_token(name)) return fail(HttpStatus::bad_request, "a subprotocol that is no name");
    const auto* const ours = std::find(kProtocols.begin(), kProtocols.end(), name);
    if (request_.protocol.empty() && ours != kProtocols.end()) request_.protocol = *ours;
  }
}

void RequestReader::finish() {
  const bool host_came = (seen_ & 1u << static_cast<unsigned>(Field::host)) != 0;
  if (!http_1_0_ && !host_came) return fail(HttpStatus::bad_request, "no Host");
  // HTTP/1.0 has no Upgrade (RFC 9110 7.8), and with HEAD it is not a WebSocket's.
  if (upgrade_websocket_ && !http_1_0_ && !request_.head_only) finish_websocket();
  if (state_ == State::more) state_ = State::done;
}

void RequestReader::finish_websocket() {
  if (!connection_upgrade_)
    return fail(HttpStatus::bad_request, "Upgrade without Connection: a proxy may have taken it");
  if (version_ != "13") return fail(HttpStatus::upgrade_required, "a Sec-WebSocket-Version other than 13");
  if (!is_key(request_.key)) return fail(HttpStatus::bad_request, "a Sec-WebSocket-Key that is not 16 bytes in base64");
  if (request_.protocol.empty()) {
    return fail(HttpStatus::bad_request, "neither mqtt nor mqttv3.1 in Sec-WebSocket-Protocol  [MQTT-6.0.0-3]");
  }
  request_.websocket = true;
}

void RequestReader::fail(HttpStatus status, const char* what) {
  state_ = State::failed;
  status_ = status;
  what_ = what;
}

bool origin_allowed(const std::optional<std::string>& origin, std::span<const std::string> allowed) {
  if (allowed.empty()) return true;
  return origin && std::any_of(allowed.begin(), allowed.end(),
                               [&origin](const std::string& one) { return http::same_word(one, *origin); });
}

std::string_view first_address(std::string_view forwarded_for) { return http::next_of_list(forwarded_for); }

std::string_view last_address(std::string_view forwarded_for) {
  return http::trimmed(forwarded_for.substr(forwarded_for.rfind(',') + 1));
}

}  // namespace bramble
