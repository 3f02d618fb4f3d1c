#pragma once

#include <string>
#include <string_view>
#include <utility>

namespace bramble {

/// Bytes that have come and are not handled yet: an incomplete packet, or packets that wait for their turn. What is
/// handled goes from the front without the rest being moved, until it is more than the rest.  Threads: its connection's
/// reactor.  Cost: drop() O(1) a byte dropped. Memory: at most twice what is unread.
class Unread {
 public:
  explicit Unread(std::string bytes) : bytes_(std::move(bytes)) {}

  std::string_view view() const { return std::string_view(bytes_).substr(dropped_); }
  std::size_t size() const { return bytes_.size() - dropped_; }
  void append(std::string_view more) { bytes_.append(more); }
  /// The first `size` of them are handled.
  void drop(std::size_t size) {
    dropped_ += size;
    if (dropped_ <= bytes_.size() / 2) return;
    bytes_ = bytes_.substr(dropped_);  // not erase(): that keeps the memory
    dropped_ = 0;
  }

 private:
  std::string bytes_;
  std::size_t dropped_ = 0;
};

}  // namespace bramble
