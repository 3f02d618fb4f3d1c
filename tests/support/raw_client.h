#pragma once

#include <cstdint>
#include <deque>
#include <initializer_list>
#include <optional>
#include <source_location>
#include <string>
#include <string_view>

#include "core/mqtt/types.h"

namespace bramble::testing {

using Where = std::source_location;

/// How long a test waits for what the standard says must come. Never reached by a test that passes.
inline constexpr int kPatienceMs = 10'000;

/// Ends the running test case, naming the line that asked.
[[noreturn]] void fail_at(const Where& where, const std::string& why);

/// "10 0D 'MQTT' 05" for messages.
std::string to_hex(std::string_view bytes);

/// One Control Packet as it came: the first byte, and what follows the Remaining Length.
struct RawPacket {
  std::uint8_t first = 0;
  std::string body;
  std::string bytes;  ///< all of it
  mqtt::PacketType type() const { return static_cast<mqtt::PacketType>(first >> 4); }
};

/// A TCP client that knows frames and nothing else of MQTT: tests say in bytes what they send and what must come back.
/// Every wait is bounded and every failure ends the test case.  Threads: the test's own.
class RawClient {
 public:
  explicit RawClient(std::uint16_t port, Where where = Where::current());
  /// By a Unix socket.
  explicit RawClient(const std::string& path, Where where = Where::current());
  RawClient(RawClient&& other) noexcept;
  RawClient& operator=(RawClient&&) = delete;
  ~RawClient();

  /// A peer that has closed already is not an error here: the next read shows it.
  void send(std::string_view bytes);

  /// The next packet.
  RawPacket read_packet(Where where = Where::current());
  /// The next packet, or nothing if the other end closes first.
  std::optional<RawPacket> read_packet_or_close(Where where = Where::current());
  /// The next packet of this type. PUBLISH packets before it are kept for later reads, any other is a failure.
  RawPacket await(mqtt::PacketType type, Where where = Where::current());
  /// The next packets are exactly these bytes.
  void expect(std::string_view bytes, Where where = Where::current());
  /// The other end closes, and sends nothing before.
  void expect_close(Where where = Where::current());
  /// A DISCONNECT of MQTT 5 with one of these Reason Codes, then the end.
  void expect_disconnect(std::initializer_list<unsigned> codes, Where where = Where::current());
  void expect_disconnect(unsigned code, Where where = Where::current()) { expect_disconnect({code}, where); }
  /// What a broken packet is answered with: DISCONNECT and close in MQTT 5, close alone before. Several codes where
  /// the standard leaves the choice.
  void expect_refusal(mqtt::Version version, std::initializer_list<unsigned> codes, Where where = Where::current());
  void expect_refusal(mqtt::Version version, unsigned code, Where where = Where::current()) {
    expect_refusal(version, {code}, where);
  }
  /// A PINGREQ is answered, and nothing else has come before the answer: whatever was to come has come.
  void expect_nothing(Where where = Where::current());
  /// A PINGREQ is answered: everything sent before has been handled. PUBLISH packets are kept.
  void ping(Where where = Where::current());

  /// Ends the connection as a network failure does, and waits until the broker has noticed.
  void drop();
  /// Closes at once and waits for nothing.
  void close();
  /// Throws away what has come so far. For tests that look at nothing.
  void discard();
  /// Bounds what the kernel takes for us while we do not read.
  void shrink_receive_buffer(int bytes);

 private:
  enum class Read { packet, closed, timeout };
  Read next(RawPacket& packet);
  bool take_frame(RawPacket& packet);

  int socket_ = -1;
  std::string unread_;
  std::deque<RawPacket> kept_;
};

}  // namespace bramble::testing
