#pragma once

#include <cstddef>
#include <memory>
#include <vector>

namespace bramble {

/// Memory for one turn of a reactor: what is read from sockets, and packets that are encoded once for all who get them.
/// What is in it stays until end_turn(), so a connection's output may refer to it meanwhile (WriteQueue) and a packet
/// that goes on as it came is never copied.
/// Threads: its reactor's.  Cost: moving a pointer. Memory: blocks of 512 KiB, as many as the last turn needed.
class TurnBuffer {
 public:
  TurnBuffer() = default;
  TurnBuffer(const TurnBuffer&) = delete;

  /// `size` free bytes in one piece. What take() does not take is given again.
  char* room(std::size_t size) {
    if (static_cast<std::size_t>(end_ - at_) < size) next_block(size);
    return at_;
  }
  /// The first `size` bytes of the room that was given last are in use now.
  void take(std::size_t size) {
    at_ += size;
    bytes_ += size;
  }

  /// Taken in this turn. Whoever has filled kEnough leaves the rest to the next turn, which uses the same memory again
  /// while it is in the cache.
  std::size_t bytes() const { return bytes_; }
  static constexpr std::size_t kEnough = 256 * 1024;
  /// Nobody refers to it any more.
  void end_turn();

 private:
  struct Block {
    std::unique_ptr<char[]> memory;
    std::size_t size = 0;
  };
  void next_block(std::size_t size);
  void use(std::size_t block);

  std::vector<Block> blocks_;
  std::size_t used_ = 0;  ///< blocks of this turn
  std::size_t bytes_ = 0;
  char* at_ = nullptr;
  char* end_ = nullptr;
};

}  // namespace bramble
