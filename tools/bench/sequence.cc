#include "tools/bench/sequence.h"

#include "core/base/bytes.h"

namespace bramble::bench {

namespace {

constexpr std::uint16_t kMagic = 0x4272;  // "Br"

std::uint64_t u64(ByteReader& bytes) {
  const std::uint64_t high = bytes.u32();
  return high << 32 | bytes.u32();
}

void write_u64(ByteWriter& bytes, std::uint64_t value) {
  bytes.u32(static_cast<std::uint32_t>(value >> 32));
  bytes.u32(static_cast<std::uint32_t>(value));
}

}  // namespace

void Stamp::write(char* to) const {
  ByteWriter bytes(to);
  bytes.u16(kMagic);
  bytes.u16(run);
  bytes.u32(stream);
  write_u64(bytes, sequence);
  write_u64(bytes, static_cast<std::uint64_t>(intended.time_since_epoch().count()));
}

std::optional<Stamp> Stamp::read(std::string_view payload) {
  ByteReader bytes(payload);
  if (bytes.u16() != kMagic) return std::nullopt;
  Stamp stamp;
  stamp.run = bytes.u16();
  stamp.stream = bytes.u32();
  stamp.sequence = u64(bytes);
  stamp.intended = SteadyTime(SteadyTime::duration(static_cast<SteadyTime::rep>(u64(bytes))));
  if (bytes.failed()) return std::nullopt;
  return stamp;
}

Tally& Tally::operator+=(const Tally& other) {
  received += other.received;
  lost += other.lost;
  duplicates += other.duplicates;
  reordered += other.reordered;
  return *this;
}

bool SequenceChecker::out_of_line(std::uint64_t sequence) {
  if (!joined_) {
    joined_ = true;
    next_ = sequence + 1;
  } else if (sequence > next_) {
    if (gaps_.size() >= kGapsMax) gaps_.erase(gaps_.begin());
    gaps_.emplace(next_, sequence);
    missing_ += sequence - next_;
    next_ = sequence + 1;
  } else if (fill(sequence)) {
    --missing_;
    ++reordered_;
  } else {
    ++duplicates_;
    return false;
  }
  return true;
}

bool SequenceChecker::fill(std::uint64_t sequence) {
  auto after = gaps_.upper_bound(sequence);
  if (after == gaps_.begin()) return false;
  const auto gap = std::prev(after);
  const auto [first, end] = *gap;
  if (sequence >= end) return false;
  gaps_.erase(gap);
  if (first < sequence) gaps_.emplace(first, sequence);
  if (sequence + 1 < end) gaps_.emplace(sequence + 1, end);
  return true;
}

Tally SequenceChecker::tally(std::optional<std::uint64_t> sent) const {
  const std::uint64_t unseen_end = sent && *sent > next_ ? *sent - next_ : 0;
  return {received_, missing_ + unseen_end, duplicates_, reordered_};
}

}  // namespace bramble::bench
