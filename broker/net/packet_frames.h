#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <sys/uio.h>

#include "core/websocket/frames.h"

namespace bramble {

/// A server's frames around a stream of MQTT packets. What is written may stop anywhere; the stream goes on there.
/// Frames may end where they like [MQTT-6.0.0-2], but clients differ: Paho C 1.3 takes the first packet of a frame and
/// leaves the rest until the socket has more; and Node-RED drops messages that come in another frame than the CONNACK
/// before it has seen that, from any broker.
/// Threads: a value of one thread.  Cost: packets below kReferenceFrom are copied behind their headers, so that many of
/// them are one piece; others are referred to.
class PacketFrames {
 public:
  static constexpr std::size_t kReferenceFrom = 1024;
  /// What a frame holds.
  enum class Holds : std::uint8_t {
    packet,  ///< one
    all,     ///< all that fill() is given at once
  };

  /// What fill() gives lies in it.
  struct Room {
    std::array<char, 16 * 1024> bytes;
    std::array<iovec, 66> pieces;  // a header and the 64 of a WriteQueue, with room to spare
  };
  enum class Until : std::uint8_t {
    full,          ///< there is no room for more
    end_of_frame,  ///< that has begun: something else is to go behind it
  };
  /// Headers and packets. `packets`: the stream from where written() said that it is, cut behind a packet or in its
  /// payload.
  std::span<const iovec> fill(Room& room, std::span<const iovec> packets, Until until = Until::full) const;
  /// So many bytes of what fill() gave for these packets are out.  Returns how many of them were of the packets.
  std::uint64_t written(std::uint64_t bytes, std::span<const iovec> packets);

  void hold(Holds holds) { holds_ = holds; }
  bool between_frames() const { return header_size_ == 0 && in_frame_ == 0; }

 private:
  std::array<char, kFrameHeaderMax> header_{};  ///< of the frame that has begun: the end that is not out yet
  std::uint8_t header_size_ = 0;
  Holds holds_ = Holds::packet;
  std::uint64_t in_frame_ = 0;  ///< bytes that this frame still has to get
};

}  // namespace bramble
