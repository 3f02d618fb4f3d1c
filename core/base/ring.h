#pragma once

#include <cstddef>
#include <memory>
#include <utility>

#include "core/base/check.h"

namespace bramble {

/// A first-in, first-out queue in one block of memory that owns nothing while it is empty and was never used
/// (std::deque owns 576 bytes then, which every idle session would pay twice).
/// Cost: O(1) amortised at both ends, O(1) by index.  T is default constructible and movable.  Threads: its owner's.
template <class T>
class Ring {
 public:
  bool empty() const { return size_ == 0; }
  std::size_t size() const { return size_; }
  T& operator[](std::size_t i) { return slots_[(head_ + i) & mask_]; }
  const T& operator[](std::size_t i) const { return slots_[(head_ + i) & mask_]; }
  T& front() { return (*this)[0]; }
  T& back() { return (*this)[size_ - 1]; }
  const T& back() const { return (*this)[size_ - 1]; }

  /// A new last one, as T{}, to be filled.
  T& add() {
    if (size_ == capacity()) grow();
    return slots_[(head_ + size_++) & mask_];
  }
  void push_back(T&& value) { add() = std::move(value); }
  void push_back(const T& value) { push_back(T(value)); }
  void push_front(T value) {
    if (size_ == capacity()) grow();
    head_ = (head_ - 1) & mask_;
    ++size_;
    slots_[head_] = std::move(value);
  }
  T pop_front() {
    check(size_ > 0, "pop_front of an empty Ring");
    T value = std::exchange(slots_[head_], T{});
    head_ = (head_ + 1) & mask_;
    if (--size_ == 0 && mask_ >= 64) clear();  // a burst does not keep its memory
    return value;
  }
  /// Closes the hole at `i` from the nearer end. O(distance to it).
  void erase(std::size_t i) {
    check(i < size_, "erase past the end of a Ring");
    if (i == 0 || i < size_ / 2) {
      for (; i > 0; --i) (*this)[i] = std::move((*this)[i - 1]);
      slots_[head_] = T{};
      head_ = (head_ + 1) & mask_;
      if (--size_ == 0 && mask_ >= 64) clear();
      return;
    }
    for (; i + 1 < size_; ++i) (*this)[i] = std::move((*this)[i + 1]);
    (*this)[size_ - 1] = T{};
    if (--size_ == 0 && mask_ >= 64) clear();
  }
  void clear() {
    slots_.reset();
    mask_ = head_ = size_ = 0;
  }

 private:
  std::size_t capacity() const { return slots_ ? mask_ + 1 : 0; }
  void grow() {
    const std::size_t wider = slots_ ? 2 * (mask_ + 1) : 4;
    auto slots = std::make_unique<T[]>(wider);
    for (std::size_t i = 0; i < size_; ++i) slots[i] = std::move((*this)[i]);
    slots_ = std::move(slots);
    mask_ = wider - 1;
    head_ = 0;
  }

  std::unique_ptr<T[]> slots_;
  std::size_t mask_ = 0;
  std::size_t head_ = 0;
  std::size_t size_ = 0;
};

}  // namespace bramble
