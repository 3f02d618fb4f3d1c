#pragma once

#include <string>
#include <vector>

#include "broker/config/config.h"

namespace bramble {

/// A socket that listens, non-blocking; closed with this object, and a Unix socket's file goes too.
/// Threads: main.
class BoundSocket {
 public:
  /// All that a listener asks for: IPv4 and IPv6 of each address of its name, or a Unix socket.
  /// `beside_own`: also on a port of one of this account's that share_port().
  /// Errors: a line that names the listener, where it was declared, and what to do.
  static OrMessage<std::vector<BoundSocket>> open(const ListenerOptions& options, bool beside_own = false);
  /// A Unix socket with this mode. What a broker that was killed has left there is replaced; what somebody listens on,
  /// or is no socket, is not.  Errors: a line without where it was asked for.
  static OrMessage<BoundSocket> open_unix(const std::string& path, unsigned mode);
  /// What open_unix() would say of the path itself: it is too long, or something else than a socket is there. Empty:
  /// nothing.
  static std::string no_unix_path(const std::string& path);

  BoundSocket(int descriptor, std::string file) : descriptor_(descriptor), file_(std::move(file)) {}
  BoundSocket(BoundSocket&& other) noexcept : descriptor_(other.descriptor_), file_(std::move(other.file_)) {
    other.descriptor_ = -1;
  }
  BoundSocket& operator=(BoundSocket&&) = delete;
  ~BoundSocket();

  /// Another may open beside this one only if it is of the same account: the broker's, once it is root no more.
  void give_to(std::uint32_t user) const;
  /// Whether another may open beside this one.
  void share_port(bool shares) const;
  int descriptor() const { return descriptor_; }
  std::string address() const;  ///< "127.0.0.1:1883", or the path of a Unix socket
  bool tcp() const { return file_.empty(); }

 private:
  int descriptor_;
  std::string file_;  ///< of a Unix socket
};

}  // namespace bramble
