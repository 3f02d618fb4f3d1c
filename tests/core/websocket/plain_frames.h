#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/websocket/frames.h"

namespace bramble::test {

/// What became of a stream.
struct Outcome {
  std::string payload;
  std::string replies;
  WebSocketInput::Status status = WebSocketInput::Status::open;
  CloseCode code = CloseCode::none_given;
  bool operator==(const Outcome&) const = default;
};

/// RFC 6455 section 5 for a client's whole stream, byte by byte and as the text has it.
class PlainFrames {
 public:
  static Outcome read(std::string_view stream) {
    PlainFrames plain(stream);
    while (plain.outcome_.status == WebSocketInput::Status::open && plain.frame()) {
    }
    return plain.outcome_;
  }

 private:
  explicit PlainFrames(std::string_view stream) : left_(stream) {}

  static unsigned byte(std::string_view bytes, std::size_t i) { return static_cast<unsigned char>(bytes[i]); }
  /// False: the stream is at its end.
  bool frame() {
    if (left_.empty()) return false;
    const unsigned opcode = byte(left_, 0) & 15, fin = byte(left_, 0) >> 7;
    if ((byte(left_, 0) >> 4 & 7) != 0) return fail(1002);
    if (opcode == 1) return fail(1003);
    if (opcode != 0 && opcode != 2 && opcode != 8 && opcode != 9 && opcode != 10) return fail(1002);
    if (opcode == 0 && !in_message_) return fail(1002);
    if (opcode == 2 && in_message_) return fail(1002);
    if (opcode >= 8 && fin == 0) return fail(1002);
    if (left_.size() < 2) return false;
    if (byte(left_, 1) < 128) return fail(1002);
    std::uint64_t length = byte(left_, 1) - 128;
    if (opcode >= 8 && length > 125) return fail(1002);
    if (length == 127 && left_.size() > 2 && byte(left_, 2) > 127) return fail(1002);
    const std::size_t more = length == 126 ? 2 : length == 127 ? 8 : 0;
    if (left_.size() < 2 + more + 4) return false;
    if (more != 0) length = 0;
    for (std::size_t i = 0; i < more; ++i) length = length * 256 + byte(left_, 2 + i);
    const std::string_view key = left_.substr(2 + more, 4);
    left_.remove_prefix(2 + more + 4);
    std::string payload;
    for (std::size_t i = 0; i < length && i < left_.size(); ++i) {
      payload.push_back(static_cast<char>(byte(left_, i) ^ byte(key, i % 4)));
    }
    left_.remove_prefix(payload.size());
    if (opcode < 8) {
      in_message_ = fin == 0;
      outcome_.payload += payload;
    }
    if (payload.size() < length) return false;
    if (opcode == 9) reply(10, payload);
    if (opcode == 8) close(payload);
    return true;
  }
  void close(const std::string& payload) {
    unsigned code = 1005;
    if (payload.size() == 1) return static_cast<void>(fail(1002));
    if (payload.size() >= 2) {
      code = byte(payload, 0) * 256 + byte(payload, 1);
      const bool registered = code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006;
      if (!registered && (code < 3000 || code > 4999)) return static_cast<void>(fail(1002));
      if (!is_utf8(std::string_view(payload).substr(2))) return static_cast<void>(fail(1007));
    }
    outcome_.status = WebSocketInput::Status::closed;
    outcome_.code = CloseCode{static_cast<std::uint16_t>(code)};
    reply(8, payload.substr(0, 2));
  }
  bool fail(unsigned code) {
    outcome_.status = WebSocketInput::Status::failed;
    outcome_.code = CloseCode{static_cast<std::uint16_t>(code)};
    reply(8, {static_cast<char>(code >> 8), static_cast<char>(code & 255)});
    return true;
  }
  void reply(unsigned opcode, const std::string& payload) {
    if (outcome_.replies.size() + 14 + payload.size() > 1024) outcome_.replies.clear();
    outcome_.replies.push_back(static_cast<char>(128 + opcode));
    outcome_.replies.push_back(static_cast<char>(payload.size()));
    outcome_.replies += payload;
  }
  /// RFC 3629 by decoding.
  static bool is_utf8(std::string_view text) {
    for (std::size_t i = 0; i < text.size();) {
      const unsigned first = byte(text, i++);
      if (first < 0x80) continue;
      const unsigned more = first >> 5 == 6 ? 1 : first >> 4 == 14 ? 2 : first >> 3 == 30 ? 3 : 0;
      if (more == 0) return false;
      std::uint32_t code = first & (0x3Fu >> more);
      for (unsigned n = 0; n < more; ++n) {
        if (i == text.size() || byte(text, i) >> 6 != 2) return false;
        code = code << 6 | (byte(text, i++) & 0x3F);
      }
      constexpr std::uint32_t kLeast[] = {0, 0x80, 0x800, 0x1'0000};
      if (code < kLeast[more] || code > 0x10'FFFF || (code >= 0xD800 && code <= 0xDFFF)) return false;
    }
    return true;
  }

  std::string_view left_;
  Outcome outcome_;
  bool in_message_ = false;
};

/// The next piece of a stream, in memory of its own, so that ASan sees its ends.
inline WebSocketInput::Taken take_piece(WebSocketInput& input, std::string_view piece, Outcome& outcome) {
  std::string bytes(piece);
  bytes.shrink_to_fit();
  const auto taken = input.take(bytes.data(), bytes.size());
  outcome.payload.append(bytes, 0, taken.payload);
  outcome.status = taken.status;
  outcome.code = taken.code;
  return taken;
}

/// Of a stream that comes in one piece.
inline Outcome taken_whole(std::string_view stream, WebSocketInput::Peer peer = WebSocketInput::Peer::client) {
  WebSocketInput input(peer);
  Outcome outcome;
  take_piece(input, stream, outcome);
  input.take_replies(outcome.replies);
  return outcome;
}

}  // namespace bramble::test
