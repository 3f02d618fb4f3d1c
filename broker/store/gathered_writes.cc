#include "broker/store/gathered_writes.h"

#include <algorithm>
#include <utility>

namespace bramble {

int GatheredWrites::write(sqlite3_file* file, std::span<const std::byte> piece, sqlite3_int64 offset) {
  const bool follows = offset == begin_ + static_cast<sqlite3_int64>(size_);
  if (!follows || piece.size() > kMost - size_) {
    if (const int code = flush(file); code != SQLITE_OK) return code;
    if (piece.size() > kMost) return own_.xWrite(file, piece.data(), static_cast<int>(piece.size()), offset);
    begin_ = offset;
  }
  std::ranges::copy(piece, bytes_.begin() + static_cast<std::ptrdiff_t>(size_));
  size_ += piece.size();
  return SQLITE_OK;
}

int GatheredWrites::flush(sqlite3_file* file) {
  const std::size_t size = std::exchange(size_, 0);
  return size == 0 ? SQLITE_OK : own_.xWrite(file, bytes_.data(), static_cast<int>(size), begin_);
}

}  // namespace bramble
