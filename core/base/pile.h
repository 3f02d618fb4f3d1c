#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <vector>

namespace bramble {

/// Bytes that are laid one behind the other and do not move: in one block if what was expected is not exceeded.
/// Threads: its owner's.  Cost: moving a pointer. Memory: none while empty.
class Pile {
 public:
  /// Before the first add().
  void expect(std::size_t bytes) { next_block_ = std::max(bytes, kBlockMin); }
  /// Room for `size` bytes, right behind what was added last if they fit into its block. The caller fills it.
  char* add(std::size_t size) {
    if (static_cast<std::size_t>(end_ - at_) < size) begin_block(size);
    char* const place = at_;
    at_ += size;
    bytes_ += size;
    return place;
  }
  std::size_t bytes() const { return bytes_; }
  /// What it occupies, for limits.
  std::size_t memory() const { return memory_; }

 private:
  static constexpr std::size_t kBlockMin = 256;

  void begin_block(std::size_t size) {
    if (block_) full_.push_back(std::move(block_));
    const std::size_t block = std::max(size, next_block_);
    block_ = std::make_unique_for_overwrite<char[]>(block);
    at_ = block_.get();
    end_ = at_ + block;
    memory_ += block;
    next_block_ = 2 * block;
  }

  std::unique_ptr<char[]> block_;
  std::vector<std::unique_ptr<char[]>> full_;
  char* at_ = nullptr;
  char* end_ = nullptr;
  std::size_t next_block_ = kBlockMin;
  std::size_t bytes_ = 0;
  std::size_t memory_ = 0;
};

}  // namespace bramble
