#pragma once

#include <deque>
#include <string>
#include <unordered_map>
#include <utility>

#include "core/base/check.h"

namespace bramble {

/// A bounded queue in which those who ask take turns: one with much in it delays and displaces nobody who has little.
/// Who asks has a name. First in, first out for each.
/// Threads: its owner's.  Cost: O(1).
template <class T>
class FairQueue {
 public:
  /// `capacity`: of all together. One may have as many in it as there are places left, so half of them if alone.
  explicit FairQueue(std::size_t capacity) : capacity_(capacity) {}

  bool empty() const { return size_ == 0; }
  std::size_t size() const { return size_; }

  /// False: it may have no more in it; `value` is as it was.
  bool push(const std::string& who, T& value) {
    const auto found = by_name_.find(who);
    const std::size_t has = found == by_name_.end() ? 0 : found->second.size();
    if (has >= capacity_ - size_) return false;
    if (has == 0) turns_.push_back(who);
    by_name_[who].push_back(std::move(value));
    ++size_;
    return true;
  }

  T pop() {
    check(size_ > 0, "pop of an empty FairQueue");
    const auto found = by_name_.find(turns_.front());
    T value = std::move(found->second.front());
    found->second.pop_front();
    --size_;
    if (found->second.empty()) {
      by_name_.erase(found);
    } else {
      turns_.push_back(std::move(turns_.front()));
    }
    turns_.pop_front();
    return value;
  }

  void clear() {
    by_name_.clear();
    turns_.clear();
    size_ = 0;
  }

 private:
  const std::size_t capacity_;
  std::size_t size_ = 0;
  std::unordered_map<std::string, std::deque<T>> by_name_;  ///< nobody with nothing
  std::deque<std::string> turns_;                           ///< each name once
};

}  // namespace bramble
