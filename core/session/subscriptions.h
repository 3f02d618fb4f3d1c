#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "core/topic/filter.h"
#include "core/topic/shared_group.h"

namespace bramble {

/// One subscription as its session knows it: a filter, or a group on one, alive while the session is on it. Its options
/// are with the shard's subscribers of the filter.  8 bytes.
class SessionSubscription {
 public:
  explicit SessionSubscription(Filter& filter) : word_(reinterpret_cast<std::uintptr_t>(&filter)) {}
  explicit SessionSubscription(SharedGroup& group) : word_(reinterpret_cast<std::uintptr_t>(&group) | kGroupBit) {}

  SharedGroup* group() const {  ///< null: not shared
    return word_ & kGroupBit ? reinterpret_cast<SharedGroup*>(word_ & ~kGroupBit) : nullptr;
  }
  Filter& filter() const { return group() ? group()->filter() : *reinterpret_cast<Filter*>(word_); }
  FilterId id() const { return group() ? group()->id() : filter().id(); }  ///< the filter's, or the group's
  bool operator==(const SessionSubscription&) const = default;

 private:
  friend class Subscriptions;
  static constexpr std::uintptr_t kGroupBit = 1;
  SessionSubscription() = default;
  std::uintptr_t word_ = 0;  // 0: a free place
};

/// The filters one session is on, so that it can leave them.  Threads: the session's reactor.
/// Cost: O(1); up to 32 a plain list that is scanned, beyond that a hash table (linear probing, removal closes the
/// gap). 8 bytes a subscription, with the free places of a table 11 to 22.
class Subscriptions {
 public:
  void add(const SessionSubscription& subscription) {  ///< is not there yet
    if (is_table_ ? (size_ + 1) * 4 > places_.size() * 3 : size_ >= kListMax) become_table();
    if (is_table_) {
      enter(subscription);
    } else {
      places_.push_back(subscription);
    }
    ++size_;
  }
  /// False: it was not on it.
  bool remove(const SessionSubscription& subscription) {
    const std::size_t at = is_table_ ? find_in_table(subscription) : find_in_list(subscription);
    if (at == places_.size()) return false;
    --size_;
    if (is_table_) {
      close_gap(at);
      if (size_ <= kListMax / 2) become_list();
    } else {
      places_[at] = places_.back();
      places_.pop_back();
    }
    return true;
  }
  /// Any. The first call makes a list of a table, as when all are to go.
  std::optional<SessionSubscription> take_last() {
    if (size_ == 0) return std::nullopt;
    if (is_table_) become_list();
    const SessionSubscription last = places_.back();
    places_.pop_back();
    --size_;
    return last;
  }
  std::size_t size() const { return size_; }
  /// Calls visit(const SessionSubscription&) for each.
  template <class Visit>
  void each(Visit visit) const {
    for (const SessionSubscription& it : places_) {
      if (it.word_ != 0) visit(it);
    }
  }

 private:
  static constexpr std::size_t kListMax = 32;

  std::size_t mask() const { return places_.size() - 1; }
  std::size_t home(const SessionSubscription& it) const { return (it.word_ * 0x9E3779B97F4A7C15u >> 20) & mask(); }
  std::size_t find_in_list(const SessionSubscription& it) const {
    return static_cast<std::size_t>(std::find(places_.begin(), places_.end(), it) - places_.begin());
  }
  std::size_t find_in_table(const SessionSubscription& it) const {
    for (std::size_t i = home(it); places_[i].word_ != 0; i = (i + 1) & mask()) {
      if (places_[i] == it) return i;
    }
    return places_.size();
  }
  void enter(const SessionSubscription& it) {
    std::size_t i = home(it);
    while (places_[i].word_ != 0) i = (i + 1) & mask();
    places_[i] = it;
  }
  void close_gap(std::size_t hole) {
    for (std::size_t i = (hole + 1) & mask(); places_[i].word_ != 0; i = (i + 1) & mask()) {
      if (((i - home(places_[i])) & mask()) < ((i - hole) & mask())) continue;
      places_[hole] = places_[i];
      hole = i;
    }
    places_[hole] = SessionSubscription();
  }
  void become_table() {
    const auto old = std::exchange(places_, std::vector(std::bit_ceil((size_ + 1) * 2), SessionSubscription()));
    is_table_ = true;
    for (const SessionSubscription& it : old) {
      if (it.word_ != 0) enter(it);
    }
  }
  void become_list() {
    std::erase(places_, SessionSubscription());
    places_.shrink_to_fit();
    is_table_ = false;
  }

  std::vector<SessionSubscription> places_;
  std::uint32_t size_ = 0;
  bool is_table_ = false;
};
static_assert(sizeof(Subscriptions) == 32);

}  // namespace bramble
