#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <sqlite3.h>

namespace bramble {

/// Gathers what SQLite writes to one file for as long as each piece follows the last one: it writes its log in pieces
/// of 24 and 4096 bytes, two system calls a page. What was gathered goes to the file with the first piece that does not
/// follow, and with flush(); what a transaction that was given up has left, too, so that the next one gets its error.
/// Errors: SQLite's, of the call that wrote in vain; what was gathered is dropped then, as after a failed write.
/// Threads: one at a time.
class GatheredWrites {
 public:
  /// SQLite writes less than 128 KiB in one call, and calls what is longer a full disk.
  static constexpr std::size_t kMost = std::size_t{64} * 1024;

  explicit GatheredWrites(const sqlite3_io_methods& own) : own_(own) {}

  int write(sqlite3_file* file, std::span<const std::byte> piece, sqlite3_int64 offset);
  int flush(sqlite3_file* file);
  /// Whether some of that place is not in the file yet.
  bool overlaps(sqlite3_int64 offset, int size) const {
    return size_ != 0 && offset < begin_ + static_cast<sqlite3_int64>(size_) && begin_ < offset + size;
  }

 private:
  const sqlite3_io_methods& own_;
  sqlite3_int64 begin_ = 0;  ///< where in the file
  std::size_t size_ = 0;
  std::array<std::byte, kMost> bytes_;
};

}  // namespace bramble
