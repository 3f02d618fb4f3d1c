#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <sys/uio.h>

namespace bramble {

/// All that a connection knows of the network: bytes in, bytes out, and a descriptor to wait for.
/// Threads: the reactor that has the connection; it moves with the connection.
class Transport {
 public:
  enum class State { open, would_block, closed };
  struct Moved {
    std::size_t bytes = 0;
    State state = State::open;  ///< would_block: wait for the descriptor; closed: by the peer or an error
  };

  virtual ~Transport() = default;
  virtual int descriptor() const = 0;
  /// One read, never more than `size`; never blocks.
  virtual Moved read(char* to, std::size_t size) = 0;
  /// One gather write of as much as goes; never blocks.
  virtual Moved write(std::span<const iovec> pieces) = 0;
  /// Bytes that epoll cannot see (what TLS has decrypted already): read again although the descriptor is silent.
  virtual bool has_unseen_bytes() const = 0;
  /// Says that nothing more will be written and throws away what was sent to us, so that the peer can read our last
  /// packet before the close resets the connection.
  virtual void finish() = 0;
  virtual std::string peer() const = 0;  ///< "127.0.0.1:50123", for logs
};

}  // namespace bramble
