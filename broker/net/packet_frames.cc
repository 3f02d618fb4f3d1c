#include "broker/net/packet_frames.h"

#include <algorithm>
#include <cstring>
#include <string_view>

namespace bramble {

namespace {

/// Where one is in the packets.
class Cursor {
 public:
  explicit Cursor(std::span<const iovec> pieces) : pieces_(pieces) {
    for (const iovec& piece : pieces) left_ += piece.iov_len;
  }
  std::uint64_t left() const { return left_; }

  /// The next bytes that lie together, `most` of them at most; not at the end.
  std::string_view next(std::uint64_t most) const {
    const iovec& piece = pieces_[index_];
    return {static_cast<const char*>(piece.iov_base) + offset_, std::min<std::uint64_t>(piece.iov_len - offset_, most)};
  }
  void skip(std::uint64_t size) {
    left_ -= size;
    offset_ += size;
    while (index_ < pieces_.size() && offset_ >= pieces_[index_].iov_len) offset_ -= pieces_[index_++].iov_len;
  }
  /// Copies and skips.
  void copy(char* to, std::uint64_t size) {
    while (size > 0) {
      const auto some = next(size);
      std::memcpy(to, some.data(), some.size());
      to += some.size();
      size -= some.size();
      skip(some.size());
    }
  }

 private:
  std::span<const iovec> pieces_;
  std::size_t index_ = 0, offset_ = 0;
  std::uint64_t left_ = 0;
};

/// Of the packet that begins there, by its Remaining Length [MQTT-1.5.5-1].
std::uint64_t packet_size(Cursor at) {
  const std::uint64_t left = at.left();
  std::uint64_t length = 0;
  at.skip(1);
  for (unsigned bytes = 1; bytes <= 4 && at.left() > 0; ++bytes) {
    const auto byte = static_cast<unsigned char>(at.next(1).front());
    length |= std::uint64_t{byte & 0x7Fu} << (7 * (bytes - 1));
    if ((byte & 0x80u) == 0) return 1 + bytes + length;
    at.skip(1);
  }
  return left;  // never of a stream that is cut as fill() says
}

}  // namespace

std::span<const iovec> PacketFrames::fill(Room& room, std::span<const iovec> packets, Until until) const {
  Cursor at(packets);
  std::size_t used = 0, count = 0;
  const auto add = [&](const char* bytes, std::size_t size) {
    iovec* const last = count > 0 ? &room.pieces[count - 1] : nullptr;
    if (last && static_cast<char*>(last->iov_base) + last->iov_len == bytes) {
      last->iov_len += size;
    } else {
      room.pieces[count++] = {const_cast<char*>(bytes), size};  // writev() writes none of them
    }
  };
  std::array<char, kFrameHeaderMax> header = header_;
  std::size_t header_size = header_size_;
  std::uint64_t size = in_frame_;
  for (bool begun = !between_frames();; begun = false) {
    if (!begun) {
      if (at.left() == 0 || until == Until::end_of_frame) break;
      size = holds_ == Holds::all ? at.left() : packet_size(at);
      header_size = frame_header(header.data(), size);
    }
    std::uint64_t here = std::min(size, at.left());
    const bool copied = here < kReferenceFrom;
    if (used + header_size + (copied ? here : 0) > room.bytes.size() || count + 2 > room.pieces.size()) break;
    char* const to = room.bytes.data() + used;
    std::memcpy(to, header.data(), header_size);
    used += header_size;
    if (copied) {
      at.copy(to + header_size, here);
      used += here;
      if (header_size + here > 0) add(to, header_size + here);
      continue;
    }
    if (header_size > 0) add(to, header_size);
    while (here > 0 && count < room.pieces.size()) {
      const auto some = at.next(here);
      add(some.data(), some.size());
      at.skip(some.size());
      here -= some.size();
    }
    if (here > 0) break;
  }
  return {room.pieces.data(), count};
}

std::uint64_t PacketFrames::written(std::uint64_t bytes, std::span<const iovec> packets) {
  Cursor at(packets);
  const std::uint64_t before = at.left();
  while (bytes > 0) {
    if (between_frames()) {
      in_frame_ = holds_ == Holds::all ? at.left() : packet_size(at);
      header_size_ = static_cast<std::uint8_t>(frame_header(header_.data(), in_frame_));
    }
    const auto of_header = std::min<std::uint64_t>(bytes, header_size_);
    std::memmove(header_.data(), header_.data() + of_header, header_size_ - of_header);
    header_size_ = static_cast<std::uint8_t>(header_size_ - of_header);
    const std::uint64_t of_packet = std::min(bytes - of_header, in_frame_);
    in_frame_ -= of_packet;
    at.skip(of_packet);
    bytes -= of_header + of_packet;
  }
  return before - at.left();
}

}  // namespace bramble
