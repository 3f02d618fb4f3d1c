#include "core/websocket/frames.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "core/mqtt/utf8.h"

namespace bramble {

namespace {

constexpr unsigned kFin = 0x80;
constexpr unsigned kReserved = 0x70;
constexpr unsigned kMasked = 0x80;
constexpr std::size_t kKeyBytes = 4;

Opcode opcode_of(unsigned first) { return static_cast<Opcode>(first & 0x0F); }
bool is_control(Opcode opcode) { return opcode >= Opcode::close; }

unsigned byte_at(const char* at, std::size_t i) { return static_cast<unsigned char>(at[i]); }

std::uint64_t big_endian(const char* at, std::size_t bytes) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < bytes; ++i) value = value << 8 | byte_at(at, i);
  return value;
}

/// How many bytes say the length, by the seven bits that say how.
std::size_t length_bytes(unsigned bits) { return bits == 126 ? 2 : bits == 127 ? 8 : 0; }

/// `mask` as it is after `bytes` of the payload.
std::uint32_t turned(std::uint32_t mask, std::size_t bytes) {
  const int bits = static_cast<int>(bytes % kKeyBytes) * 8;
  return std::endian::native == std::endian::little ? std::rotr(mask, bits) : std::rotl(mask, bits);
}

template <class Word>
void unmask_word(char* to, const char* from, Word mask) {
  Word word;
  std::memcpy(&word, from, sizeof word);
  word ^= mask;
  std::memcpy(to, &word, sizeof word);
}

/// U+0000 is a character to RFC 3629, but not to MQTT.
bool valid_reason(std::string_view text) {
  for (;;) {
    const std::size_t zero = text.find('\0');
    if (!mqtt::valid_utf8(text.substr(0, zero))) return false;
    if (zero == std::string_view::npos) return true;
    text.remove_prefix(zero + 1);
  }
}

}  // namespace

bool may_be_sent(CloseCode code) {
  const auto value = static_cast<unsigned>(code);
  return (value >= 1000 && value <= 1003) || (value >= 1007 && value <= 1014) || (value >= 3000 && value <= 4999);
}

// A masked frame from header to end: 13 ns for 8 and for 64 bytes, 34 for 1 KiB (with words of 8 bytes only: 62);
// bench/micro/websocket_frames.cc less its copy (AMD EPYC VM, g++ 12 -O2, 2026-11-28).
std::uint32_t unmask(char* to, const char* from, std::size_t size, std::uint32_t mask) {
  using Wide = std::uint64_t __attribute__((vector_size(16)));  // SSE2, NEON, or two words
  const std::uint64_t word = std::uint64_t{mask} << 32 | mask;
  const Wide wide = {word, word};
  std::size_t left = size;
  const auto step = [&](auto key) {
    unmask_word(to, from, key);
    from += sizeof key, to += sizeof key, left -= sizeof key;
  };
  while (left >= sizeof wide) step(wide);
  if (left >= sizeof word) step(word);
  if (left >= sizeof mask) step(mask);
  std::array<char, kKeyBytes> key;
  std::memcpy(key.data(), &mask, kKeyBytes);
  for (std::size_t i = 0; i < left; ++i) to[i] = static_cast<char>(from[i] ^ key[i]);
  return turned(mask, size);
}

WebSocketInput::Taken WebSocketInput::take(char* bytes, std::size_t size) {
  char* to = bytes;
  const char* from = bytes;
  const char* const end = bytes + size;
  while (from != end && status_ == Status::open) {
    if (left_ == 0) {
      from = take_header(from, end);
      continue;
    }
    const auto part = static_cast<std::size_t>(std::min<std::uint64_t>(left_, static_cast<std::uint64_t>(end - from)));
    left_ -= part;
    if (is_control(opcode_)) {
      take_control(from, part);
    } else {
      mask_ = unmask(to, from, part, mask_);
      to += part;
    }
    from += part;
  }
  return {static_cast<std::size_t>(to - bytes), status_, code_, what_};
}

/// Takes a header, or what there is of it; returns where it ends.
const char* WebSocketInput::take_header(const char* from, const char* end) {
  if (header_bytes_ == 0) {
    const auto available = static_cast<std::size_t>(end - from);
    const std::size_t size = header_size(from, available);
    if (size != 0 && size <= available) {
      begin(from, size);
      return from + size;
    }
  }
  while (from != end && status_ == Status::open) {
    header_[header_bytes_++] = *from++;
    const std::size_t size = header_size(header_.data(), header_bytes_);
    if (size != header_bytes_) continue;
    header_bytes_ = 0;
    begin(header_.data(), size);
    break;
  }
  return from;
}

/// 0 if its first `available` bytes, of which there is one at least, do not say it or are against the rules. Whatever
/// can be judged is, so that the pieces in which a header comes make no difference.
std::size_t WebSocketInput::header_size(const char* header, std::size_t available) {
  const unsigned first = byte_at(header, 0);
  if (!may_begin(first) || available < 2) return 0;
  const unsigned second = byte_at(header, 1);
  if ((second & kMasked) != mask_bit_) {
    return fail(CloseCode::protocol_error, "a client's frame without a mask, or a server's with one  (RFC 6455 5.1)");
  }
  const unsigned bits = second & ~kMasked;
  if (bits > kControlMax && is_control(opcode_of(first))) {
    return fail(CloseCode::protocol_error, "a control frame of more than 125 bytes  (RFC 6455 5.5)");
  }
  if (bits == 127 && available > 2 && (byte_at(header, 2) & 0x80)) {
    return fail(CloseCode::protocol_error, "a length of more than 63 bits  (RFC 6455 5.2)");
  }
  return 2 + length_bytes(bits) + (mask_bit_ != 0 ? kKeyBytes : 0);
}

bool WebSocketInput::may_begin(unsigned first) {
  if (first == (kFin | static_cast<unsigned>(Opcode::binary)) && !in_message_) [[likely]]
    return true;
  if (first & kReserved) return fail(CloseCode::protocol_error, "reserved bits are set  (RFC 6455 5.2)");
  switch (opcode_of(first)) {
    case Opcode::continuation:
      return in_message_ || fail(CloseCode::protocol_error, "a continuation of nothing  (RFC 6455 5.4)");
    case Opcode::text: return fail(CloseCode::unsupported_data, "a text frame  [MQTT-6.0.0-1]");
    case Opcode::binary:
      return !in_message_ || fail(CloseCode::protocol_error, "a new message inside another  (RFC 6455 5.4)");
    case Opcode::close:
    case Opcode::ping:
    case Opcode::pong:
      return (first & kFin) || fail(CloseCode::protocol_error, "a control frame in fragments  (RFC 6455 5.5)");
  }
  return fail(CloseCode::protocol_error, "an opcode that does not exist  (RFC 6455 5.2)");
}

/// `header` is whole and may begin a frame.
void WebSocketInput::begin(const char* header, std::size_t size) {
  const unsigned first = byte_at(header, 0);
  const unsigned bits = byte_at(header, 1) & ~kMasked;
  opcode_ = opcode_of(first);
  left_ = bits < 126 ? bits : big_endian(header + 2, length_bytes(bits));
  if (mask_bit_ != 0) std::memcpy(&mask_, header + size - kKeyBytes, kKeyBytes);
  if (!is_control(opcode_)) {
    in_message_ = (first & kFin) == 0;
  } else if (left_ == 0) {
    end_control({});
  }
}

void WebSocketInput::take_control(const char* from, std::size_t size) {
  if (opcode_ == Opcode::pong) return;  // nobody asked: a heartbeat (5.5.3)
  Rare& arriving = rare();
  mask_ = unmask(arriving.payload.data() + arriving.size, from, size, mask_);
  arriving.size += size;
  if (left_ > 0) return;
  end_control({arriving.payload.data(), arriving.size});
  arriving.size = 0;
}

void WebSocketInput::end_control(std::string_view payload) {
  if (opcode_ == Opcode::ping) reply(Opcode::pong, payload);
  if (opcode_ == Opcode::close) end_close(payload);
}

void WebSocketInput::end_close(std::string_view payload) {
  if (payload.size() == 1) return static_cast<void>(fail(CloseCode::protocol_error, "half a close code  (5.5.1)"));
  if (!payload.empty()) {
    code_ = static_cast<CloseCode>(big_endian(payload.data(), 2));
    if (!may_be_sent(code_)) {
      return static_cast<void>(fail(CloseCode::protocol_error, "a close code that may not be sent  (RFC 6455 7.4)"));
    }
    if (!valid_reason(payload.substr(2))) {
      return static_cast<void>(fail(CloseCode::invalid_data, "a close reason that is not UTF-8  (RFC 6455 5.5.1)"));
    }
  }
  status_ = Status::closed;
  reply(Opcode::close, payload.substr(0, 2));
}

void WebSocketInput::reply(Opcode opcode, std::string_view payload) {
  std::string& replies = rare().replies;
  if (replies.size() + kFrameHeaderMax + kKeyBytes + payload.size() > kReplyBytesMax) replies.clear();
  replies.push_back(static_cast<char>(kFin | static_cast<unsigned>(opcode)));
  const unsigned mask_bit = mask_bit_ != 0 ? 0 : kMasked;  // ours are masked if theirs are not
  replies.push_back(static_cast<char>(mask_bit | payload.size()));
  if (mask_bit != 0) replies.append(kKeyBytes, '\0');
  replies.append(payload);
}

/// False: what was asked is not so; as a size, none.
bool WebSocketInput::fail(CloseCode code, const char* what) {
  status_ = Status::failed;
  code_ = code;
  what_ = what;
  const auto value = static_cast<unsigned>(code);
  const std::array<char, 2> payload{static_cast<char>(value >> 8), static_cast<char>(value & 0xFF)};
  reply(Opcode::close, {payload.data(), payload.size()});
  return false;
}

WebSocketInput::Rare& WebSocketInput::rare() {
  if (rare_ == nullptr) rare_ = std::make_unique<Rare>();
  return *rare_;
}

void WebSocketInput::take_replies(std::string& out) {
  if (rare_ == nullptr) return;
  out += rare_->replies;
  rare_->replies.clear();
  if (rare_->size == 0) rare_.reset();
}

std::size_t frame_header(char* out, std::size_t payload, Opcode opcode) {
  out[0] = static_cast<char>(kFin | static_cast<unsigned>(opcode));
  if (payload < 126) {
    out[1] = static_cast<char>(payload);
    return 2;
  }
  const std::size_t bytes = payload < 0x1'0000 ? 2 : 8;
  out[1] = bytes == 2 ? 126 : 127;
  for (std::size_t i = 0; i < bytes; ++i) out[2 + i] = static_cast<char>(payload >> (8 * (bytes - 1 - i)));
  return 2 + bytes;
}

void append_close_frame(std::string& out, CloseCode code, std::string_view reason) {
  constexpr std::size_t kReasonMax = 123;
  std::size_t size = std::min(reason.size(), kReasonMax);
  while (size > 0 && !mqtt::valid_utf8(reason.substr(0, size))) --size;  // not in the middle of a character
  std::array<char, kFrameHeaderMax> header;
  out.append(header.data(), frame_header(header.data(), 2 + size, Opcode::close));
  out.push_back(static_cast<char>(static_cast<unsigned>(code) >> 8));
  out.push_back(static_cast<char>(static_cast<unsigned>(code) & 0xFF));
  out.append(reason.substr(0, size));
}

}  // namespace bramble
