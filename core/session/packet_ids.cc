#include "core/session/packet_ids.h"

#include <algorithm>
#include <bit>

#include "core/base/check.h"

namespace bramble {

using mqtt::PacketId;

namespace {

constexpr PacketId after(PacketId id) { return id == 65'535 ? PacketId{1} : static_cast<PacketId>(id + 1); }

constexpr std::uint64_t bit_of(PacketId id) { return std::uint64_t{1} << (id & 63); }

}  // namespace

std::optional<PacketId> PacketIds::acquire() {
  const bool above_all = !many_ && last_ != 65'535 && (few_.empty() || few_.back() <= last_);  // as almost always
  if (above_all && few_.size() < kFewMax) {
    if (few_.empty()) few_.reserve(8);
    few_.push_back(++last_);
    return last_;
  }
  if (count() == kIds) return std::nullopt;
  const PacketId id = first_free(after(last_));
  mark(id);
  last_ = id;
  return id;
}

bool PacketIds::take(PacketId id) {
  if (id == 0 || in_use(id)) return false;
  mark(id);
  return true;
}

bool PacketIds::release(PacketId id) {
  if (!in_use(id)) return false;
  unmark(id);
  return true;
}

bool PacketIds::in_use(PacketId id) const {
  if (many_) return id != 0 && ((*many_)[id / 64] & bit_of(id)) != 0;
  return is_oldest(id) || std::binary_search(few_.begin(), few_.end(), id);
}

/// The first one that is not in use, from `from` on and round. There is one.
PacketId PacketIds::first_free(PacketId from) const {
  if (!many_) {
    auto used = std::lower_bound(few_.begin(), few_.end(), from);
    while (used != few_.end() && *used == from) {
      from = after(from);
      used = from == 1 ? few_.begin() : used + 1;
    }
    return from;
  }
  std::size_t word = from / 64;
  std::uint64_t free = ~(*many_)[word] & ~(bit_of(from) - 1);
  while (free == 0) {
    word = (word + 1) % many_->size();
    free = ~(*many_)[word];
  }
  return static_cast<PacketId>(word * 64 + static_cast<std::size_t>(std::countr_zero(free)));
}

void PacketIds::mark(PacketId id) {
  if (!many_ && few_.size() == kFewMax) become_many();
  if (many_) {
    (*many_)[id / 64] |= bit_of(id);
    ++many_count_;
  } else {
    if (few_.empty()) few_.reserve(8);
    few_.insert(std::lower_bound(few_.begin(), few_.end(), id), id);
  }
}

void PacketIds::unmark(PacketId id) {
  if (many_) {
    (*many_)[id / 64] &= ~bit_of(id);
    if (--many_count_ == kFewMax / 2) become_few();  // half, so that one message more or less does not go to and fro
  } else {
    few_.erase(is_oldest(id) ? few_.begin() : std::lower_bound(few_.begin(), few_.end(), id));
    if (few_.empty()) few_ = {};
  }
}

void PacketIds::become_many() {
  many_ = std::make_unique<Bitmap>();
  (*many_)[0] = 1;  // 0 is never free
  for (const PacketId id : few_) (*many_)[id / 64] |= bit_of(id);
  many_count_ = static_cast<std::uint16_t>(few_.size());
  few_ = {};
}

void PacketIds::become_few() {
  few_.reserve(kFewMax);
  (*many_)[0] &= ~std::uint64_t{1};
  for (std::size_t word = 0; word < many_->size(); ++word) {
    for (std::uint64_t bits = (*many_)[word]; bits != 0; bits &= bits - 1) {
      few_.push_back(static_cast<PacketId>(word * 64 + static_cast<std::size_t>(std::countr_zero(bits))));
    }
  }
  many_.reset();
}

}  // namespace bramble
