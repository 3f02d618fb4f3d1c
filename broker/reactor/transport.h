#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <sys/uio.h>

namespace bramble {

/// Who a client has proven to be, apart from what it says in CONNECT: by its certificate or pre-shared key.
struct ProvenIdentity {
  std::string identity;  ///< the certificate's Common Name, or the PSK identity; empty: none
  std::string subject;   ///< of the certificate, as RFC 2253 writes it; empty: none
};

/// All that a connection knows of the network: bytes in, bytes out, and a descriptor to wait for.
/// Threads: the reactor that has the connection; it moves with the connection.
class Transport {
 public:
  enum class State { open, would_block, closed };
  struct Moved {
    std::size_t bytes = 0;
    State state = State::open;  ///< would_block: wait for the descriptor; closed: by the peer or an error
    std::uint32_t effort = 0;   ///< of a read, beyond what its bytes take: in deliveries, as a turn's budget is
  };

  virtual ~Transport() = default;
  virtual int descriptor() const = 0;
  /// One read, never more than `size`; never blocks. One that has bytes for itself alone (a handshake) gives none. It
  /// takes a bounded time, whatever has come; has_unseen_bytes() if some of that is left.
  virtual Moved read(char* to, std::size_t size) = 0;
  /// One gather write of as much as goes; never blocks. With no pieces: of what it has to write itself.
  virtual Moved write(std::span<const iovec> pieces) = 0;
  /// Bytes that epoll cannot see (what TLS has decrypted already): read again although the descriptor is silent.
  bool has_unseen_bytes() const { return unseen_; }
  /// It has bytes of its own to write (a handshake, an encrypted rest), which the socket does not take now.
  bool wants_write() const { return wants_write_; }
  /// Its handshakes are over: MQTT begins.
  bool established() const { return established_; }
  /// Says that nothing more will be written and throws away what was sent to us, so that the peer can read our last
  /// packet before the close resets the connection.
  virtual void finish() = 0;
  virtual std::string peer() const = 0;  ///< "127.0.0.1:50123", for logs
  /// What it goes over, for people: "tcp", "unix", "tls", "websocket", "websocket+tls". O(a system call)
  virtual std::string kind() const { return "tcp"; }
  virtual ProvenIdentity identity() const { return {}; }
  /// It answers something that is not MQTT (sends a file), and more of that has gone out since it was last asked: that
  /// may take longer than a handshake.
  virtual bool has_answered_more() { return false; }
  /// Why it closed, for the log; empty: the peer closed.
  virtual const char* fault() const { return ""; }
  std::uint8_t era = 0;  ///< of its listener's rules, by which it was made  (ListenerRules)

 protected:
  bool unseen_ = false;  // plain members, not virtual: they are asked for each read and write
  bool wants_write_ = false;
  bool established_ = true;
};

}  // namespace bramble
