#include "broker/connection/write_queue.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <span>
#include <utility>

#include "core/base/bytes.h"

namespace bramble {

namespace {
constexpr std::size_t kFirstCapacity = 512;
constexpr std::size_t kPiecesMax = 64;

iovec piece(const char* from, std::size_t size) { return {const_cast<char*>(from), size}; }
}  // namespace

void WriteQueue::reserve(std::size_t size) {
  if (capacity_ - end_ >= size) return;
  const std::size_t live = end_ - begin_;
  std::size_t wanted = std::max(capacity_, kFirstCapacity);
  while (wanted - live < size) wanted *= 4;         // a burst outgrows it once, not three times
  std::unique_ptr<char[]> wider(new char[wanted]);  // not make_unique, which would fill it with zeros
  if (live != 0) std::memcpy(wider.get(), buffer_.get() + begin_, live);
  if (references_) {
    for (Reference& reference : *references_) reference.after -= begin_;
  }
  buffer_ = std::move(wider);
  capacity_ = wanted;
  begin_ = 0;
  end_ = live;
}

void WriteQueue::append_lasting(std::string_view bytes) {
  if (!continued_by(bytes)) return append(bytes);
  const char* const begin = waiting_ == 0 ? bytes.data() : lasting_.data();
  lasting_ = {begin, lasting_.size() + bytes.size()};
  waiting_ += bytes.size();
}

void WriteQueue::append_packet(const Publication::Frame& packet, mqtt::PacketId id, bool this_turn) {
  if (packet.packet_id == nullptr) return this_turn ? append_lasting(packet.bytes) : append(packet.bytes);
  if (packet.fresh && this_turn && continued_by(packet.bytes)) {
    ByteWriter(packet.packet_id).u16(id);
    return append_lasting(packet.bytes);
  }
  char* const at = extend(packet.bytes.size());
  std::memcpy(at, packet.bytes.data(), packet.bytes.size());
  ByteWriter(at + (packet.packet_id - packet.bytes.data())).u16(id);
}

void WriteQueue::own() {
  if (lasting_.empty()) return;
  const std::string_view bytes = std::exchange(lasting_, {});
  waiting_ = 0;
  append(bytes);
}

char* WriteQueue::extend(std::size_t size) {
  own();
  reserve(size);
  char* const at = buffer_.get() + end_;
  end_ += size;
  waiting_ += size;
  return at;
}

void WriteQueue::append(std::string_view bytes) {
  if (!bytes.empty()) std::memcpy(extend(bytes.size()), bytes.data(), bytes.size());
}

void WriteQueue::append_reference(std::string_view payload, const LocalMessage& keeper) {
  own();
  if (!references_) references_ = std::make_unique<std::vector<Reference>>();
  references_->push_back({end_, payload, keeper});
  waiting_ += payload.size();
}

Transport::Moved WriteQueue::flush(Transport& transport) {
  Transport::Moved all;
  while (!empty() && all.state == Transport::State::open) {
    const auto moved = write_some(transport);
    all.bytes += moved.bytes;
    all.state = moved.state;
  }
  own();
  return all;
}

Transport::Moved WriteQueue::write_lasting(Transport& transport) {
  const iovec all = piece(lasting_.data(), lasting_.size());
  auto moved = transport.write({&all, 1});
  if (moved.state == Transport::State::open && moved.bytes < lasting_.size()) {
    moved.state = Transport::State::would_block;
  }
  lasting_.remove_prefix(moved.bytes);
  waiting_ -= moved.bytes;
  return moved;
}

Transport::Moved WriteQueue::write_some(Transport& transport) {
  if (!lasting_.empty()) return write_lasting(transport);
  std::array<iovec, kPiecesMax> pieces;
  std::size_t count = 0;
  std::size_t at = begin_;
  if (references_) {
    for (const Reference& reference : *references_) {
      if (count + 2 > kPiecesMax) break;
      if (reference.after > at) {
        pieces[count++] = piece(buffer_.get() + at, reference.after - at);
        at = reference.after;
      }
      pieces[count++] = piece(reference.payload.data(), reference.payload.size());
    }
  }
  const bool references_left = references_ && count + 2 > kPiecesMax;
  if (!references_left && at < end_) pieces[count++] = piece(buffer_.get() + at, end_ - at);
  auto moved = transport.write({pieces.data(), count});
  std::size_t offered = 0;
  for (const iovec& each : std::span(pieces.data(), count)) offered += each.iov_len;
  if (moved.state == Transport::State::open && moved.bytes < offered) moved.state = Transport::State::would_block;
  written(moved.bytes);
  return moved;
}

void WriteQueue::written(std::size_t bytes) {
  waiting_ -= bytes;
  if (waiting_ == 0) return clear();
  std::size_t done = 0;  // references that are written
  while (bytes != 0) {
    const bool reference_next = references_ && done < references_->size() && (*references_)[done].after == begin_;
    if (!reference_next) {
      const std::size_t until = references_ && done < references_->size() ? (*references_)[done].after : end_;
      const std::size_t step = std::min(bytes, until - begin_);
      begin_ += step;
      bytes -= step;
      continue;
    }
    Reference& reference = (*references_)[done];
    const std::size_t step = std::min(bytes, reference.payload.size());
    reference.payload.remove_prefix(step);
    bytes -= step;
    if (reference.payload.empty()) ++done;
  }
  if (done != 0) references_->erase(references_->begin(), references_->begin() + static_cast<std::ptrdiff_t>(done));
}

void WriteQueue::clear() {
  lasting_ = {};
  buffer_.reset();
  references_.reset();
  begin_ = end_ = capacity_ = waiting_ = 0;
}

}  // namespace bramble
