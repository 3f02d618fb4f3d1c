#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace bramble {

/// RFC 6455 7.4.1: why a WebSocket is closed. Others may be sent to us, so any value can be in one.
enum class CloseCode : std::uint16_t {
  normal = 1000,
  going_away = 1001,
  protocol_error = 1002,
  unsupported_data = 1003,
  none_given = 1005,  ///< never on the wire: a close frame without a code
  invalid_data = 1007,
  policy_violation = 1008,
  too_big = 1009,
  internal_error = 1011,
};

/// RFC 6455 7.4: may a close frame carry it? What the registry has (1000 to 1003, 1007 to 1014) and 3000 to 4999.
bool may_be_sent(CloseCode code);

enum class Opcode : std::uint8_t { continuation = 0, text = 1, binary = 2, close = 8, ping = 9, pong = 10 };

/// The bytes from one end of a WebSocket (RFC 6455 5), in pieces of any size, as the stream of MQTT bytes that is in
/// them: frames end where they like, packets too [MQTT-6.0.0-2].
/// Pings and the close are answered by frames that wait in replies until the owner writes them, between two frames of
/// its own. They are bounded: from a client that pings and never reads, the pings before the last go unanswered
/// (5.5.3). Errors: what breaks a rule ends the stream for good, and the close frame that says so waits with the
/// replies. A length in more bytes than it needs is taken, as mosquitto takes it: nothing depends on it. Memory: the
/// object; while a ping or close is in work or replies wait, 1.2 KiB more at most. Threads: a value of one thread.
/// Cost: see unmask().
class WebSocketInput {
 public:
  enum class Peer : std::uint8_t {
    client,  ///< its frames must be masked
    server,  ///< its frames must not be, and the replies to it are, with a key of 0: for load generators and tests
  };
  enum class Status : std::uint8_t {
    open,
    closed,  ///< by a close frame of the peer; its answer waits with the replies
    failed,  ///< by a mistake of the peer
  };
  struct Taken {
    std::size_t payload = 0;  ///< bytes of MQTT, now at the front of what was given; good in any status
    Status status = Status::open;
    CloseCode code = CloseCode::none_given;  ///< closed: the peer's; failed: ours
    const char* what = "";                   ///< failed: for the log
  };

  explicit WebSocketInput(Peer peer = Peer::client) : mask_bit_(peer == Peer::client ? 0x80 : 0) {}

  /// Unmasks the payload in `bytes` and moves it to their front; all of them are used up. Once it is not open, what
  /// comes is ignored (5.5.1).
  Taken take(char* bytes, std::size_t size);

  bool has_replies() const { return rare_ != nullptr && !rare_->replies.empty(); }
  /// Appends the frames that wait, and forgets them. Who has sent a close frame already drops them instead.
  void take_replies(std::string& out);

 private:
  /// Replies beyond this make room by dropping all but the latest.
  static constexpr std::size_t kReplyBytesMax = 1024;
  static constexpr std::size_t kHeaderMax = 14;
  static constexpr std::size_t kControlMax = 125;
  struct Rare {
    std::array<char, kControlMax> payload{};  ///< of the ping or close that is arriving
    std::size_t size = 0;
    std::string replies;
  };

  const char* take_header(const char* from, const char* end);
  std::size_t header_size(const char* header, std::size_t available);
  bool may_begin(unsigned first);
  void begin(const char* header, std::size_t size);
  void take_control(const char* from, std::size_t size);
  void end_control(std::string_view payload);
  void end_close(std::string_view payload);
  void reply(Opcode opcode, std::string_view payload);
  bool fail(CloseCode code, const char* what);
  Rare& rare();

  std::uint64_t left_ = 0;  ///< of the payload of the frame that is arriving
  std::unique_ptr<Rare> rare_;
  const char* what_ = "";
  std::uint32_t mask_ = 0;                  ///< turned, so that its first byte in memory is for the next of the payload
  CloseCode code_ = CloseCode::none_given;  ///< once it is not open
  Status status_ = Status::open;
  std::uint8_t mask_bit_;
  Opcode opcode_ = Opcode::binary;  ///< of the frame that is arriving
  bool in_message_ = false;         ///< a fragment came whose message goes on
  std::uint8_t header_bytes_ = 0;   ///< of header_: a header of which the rest is to come
  std::array<char, kHeaderMax> header_{};
};
static_assert(sizeof(WebSocketInput) <= 64);

/// XORs `size` bytes with `mask`, whose first byte in memory is for the first of them. `to` is `from`, or before it, or
/// other memory. Returns the mask for the byte after the last.
std::uint32_t unmask(char* to, const char* from, std::size_t size, std::uint32_t mask);

/// The header of an unmasked frame, which is all that a server puts around its bytes.
inline constexpr std::size_t kFrameHeaderMax = 10;
/// Writes it to `out`; returns its size: 2, 4 or 10.
std::size_t frame_header(char* out, std::size_t payload, Opcode opcode = Opcode::binary);

/// A server's close frame. `reason`: UTF-8, of which what does not fit into 123 bytes is left away.
void append_close_frame(std::string& out, CloseCode code, std::string_view reason = {});

}  // namespace bramble
