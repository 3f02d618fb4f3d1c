#include "core/base/turn_buffer.h"

#include <algorithm>
#include <utility>

namespace bramble {

namespace {
constexpr std::size_t kBlockBytes = 512 * 1024;
#ifdef __SANITIZE_ADDRESS__
constexpr bool kKeepBlocks = false;  // so that whoever refers to a turn's bytes too long is found out
#else
constexpr bool kKeepBlocks = true;
#endif
}  // namespace

void TurnBuffer::next_block(std::size_t size) {
  if (used_ == blocks_.size() || blocks_[used_].size < size) {
    Block block;
    block.size = std::max(size, kBlockBytes);
    block.memory.reset(new char[block.size]);  // not make_unique, which would fill it with zeros
    blocks_.insert(blocks_.begin() + static_cast<std::ptrdiff_t>(used_), std::move(block));
  }
  use(used_);
}

void TurnBuffer::use(std::size_t block) {
  at_ = blocks_[block].memory.get();
  end_ = at_ + blocks_[block].size;
  used_ = block + 1;
}

void TurnBuffer::end_turn() {
  if (used_ == 0) return;
  const auto oversized = [](const Block& block) { return block.size > kBlockBytes || !kKeepBlocks; };
  if (blocks_.size() > 1 || oversized(blocks_[0])) {
    blocks_.resize(used_);
    std::erase_if(blocks_, oversized);
  }
  used_ = bytes_ = 0;
  at_ = end_ = nullptr;
  if (!blocks_.empty()) use(0);
}

}  // namespace bramble
