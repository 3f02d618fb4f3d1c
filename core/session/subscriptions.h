#pragma once

#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "core/base/strong.h"

namespace bramble {

class Filter;
class SharedGroup;

/// One subscription as its session knows it; its options are with the shard's subscribers of the filter.
struct SessionSubscription {
  FilterId id{};                 ///< the filter's, or the group's
  Filter* filter = nullptr;      ///< alive while the session is on it
  SharedGroup* group = nullptr;  ///< null: not shared
};

/// The filters one session is on, so that it can leave them.  Threads: the session's reactor.
/// Cost: O(1); up to 64 a plain scan, beyond that an index. 24 bytes a subscription, 70 with the index.
class Subscriptions {
 public:
  void add(const SessionSubscription& subscription) {
    if (index_) {
      (*index_)[subscription.id] = list_.size();
    } else if (list_.size() == kScanMax) {
      index_ = std::make_unique<Index>();
      for (std::size_t i = 0; i < list_.size(); ++i) (*index_)[list_[i].id] = i;
      (*index_)[subscription.id] = list_.size();
    }
    list_.push_back(subscription);
  }
  /// False: it was not on it.
  bool remove(FilterId id) {
    const auto at = find(id);
    if (!at) return false;
    if (index_) {
      (*index_)[list_.back().id] = *at;
      index_->erase(id);
    }
    list_[*at] = list_.back();
    list_.pop_back();
    return true;
  }
  std::optional<SessionSubscription> take_last() {
    if (list_.empty()) return std::nullopt;
    const SessionSubscription last = list_.back();
    remove(last.id);
    return last;
  }
  std::size_t size() const { return list_.size(); }
  auto begin() const { return list_.begin(); }
  auto end() const { return list_.end(); }

 private:
  static constexpr std::size_t kScanMax = 64;
  using Index = std::unordered_map<FilterId, std::size_t>;

  std::optional<std::size_t> find(FilterId id) const {
    if (index_) {
      const auto found = index_->find(id);
      return found == index_->end() ? std::nullopt : std::optional(found->second);
    }
    for (std::size_t i = 0; i < list_.size(); ++i) {
      if (list_[i].id == id) return i;
    }
    return std::nullopt;
  }

  std::vector<SessionSubscription> list_;
  std::unique_ptr<Index> index_;
};

}  // namespace bramble
