#include "core/websocket/client_frames.h"

#include <array>
#include <cstring>

#include "core/websocket/answers.h"
#include "core/websocket/http_text.h"

namespace bramble {

std::size_t client_frame_header(char* out, std::size_t payload, std::uint32_t key, Opcode opcode, bool last_fragment) {
  const std::size_t size = frame_header(out, payload, opcode);
  if (!last_fragment) out[0] = static_cast<char>(out[0] & 0x7F);
  out[1] = static_cast<char>(out[1] | 0x80);
  std::memcpy(out + size, &key, sizeof key);
  return size + sizeof key;
}

void append_client_frame(std::string& out, std::string_view payload, std::uint32_t key, Opcode opcode,
                         bool last_fragment) {
  std::array<char, kClientFrameHeaderMax> header;
  out.append(header.data(), client_frame_header(header.data(), payload.size(), key, opcode, last_fragment));
  const std::size_t start = out.size();
  out.append(payload);
  unmask(out.data() + start, out.data() + start, payload.size(), key);
}

std::string upgrade_request(const UpgradeQuestion& question) {
  std::string text;
  const auto line = [&text](std::string_view name, std::string_view value) {
    text.append(name).append(value).append("\r\n");
  };
  text.append("GET ").append(question.path);
  line(" HTTP/1.1", "");
  line("Host: ", question.host);
  line("Upgrade: ", "websocket");
  line("Connection: ", "Upgrade");
  line("Sec-WebSocket-Key: ", question.key);
  line("Sec-WebSocket-Version: ", "13");
  if (!question.protocol.empty()) line("Sec-WebSocket-Protocol: ", question.protocol);
  text.append(question.more_headers).append("\r\n");
  return text;
}

namespace {

/// The value of a header that is there once; empty otherwise.
std::string_view only_value(std::string_view head, std::string_view name) {
  std::string_view value;
  std::size_t times = 0;
  while (!head.empty()) {
    const std::string_view line = head.substr(0, head.find("\r\n"));
    head.remove_prefix(std::min(line.size() + 2, head.size()));
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos || !http::same_word(line.substr(0, colon), name)) continue;
    value = http::trimmed(line.substr(colon + 1));
    ++times;
  }
  return times == 1 ? value : std::string_view();
}

unsigned status_of(std::string_view head) {
  if (!head.starts_with("HTTP/1.1 ") || head.size() < 13 || head[12] != ' ') return 0;
  unsigned status = 0;
  for (const char c : head.substr(9, 3)) {
    if (!http::is_digit(c)) return 0;
    status = status * 10 + static_cast<unsigned>(c - '0');
  }
  return status;
}

}  // namespace

UpgradeAnswer read_upgrade_answer(std::string_view bytes, const UpgradeQuestion& question) {
  constexpr std::size_t kHeadMax = 8192;
  using State = UpgradeAnswer::State;
  const std::size_t end = bytes.find("\r\n\r\n");
  if (end == std::string_view::npos) {
    if (bytes.size() > kHeadMax) return {State::refused, 0, 0, "an answer without an end"};
    return {};
  }
  const std::string_view head = bytes.substr(0, end);
  const unsigned status = status_of(head);
  const auto refused = [status](std::string_view wrong) { return UpgradeAnswer{State::refused, 0, status, wrong}; };
  if (status != 101) return refused("not 101");
  if (!http::list_has(only_value(head, "Upgrade"), "websocket")) return refused("Upgrade");
  if (!http::list_has(only_value(head, "Connection"), "upgrade")) return refused("Connection");
  if (only_value(head, "Sec-WebSocket-Accept") != websocket_accept(question.key))
    return refused("Sec-WebSocket-Accept");
  if (only_value(head, "Sec-WebSocket-Protocol") != question.protocol) return refused("Sec-WebSocket-Protocol");
  if (!only_value(head, "Sec-WebSocket-Extensions").empty()) return refused("Sec-WebSocket-Extensions");
  return {State::open, end + 4, status, {}};
}

}  // namespace bramble
