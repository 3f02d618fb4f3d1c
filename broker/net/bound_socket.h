#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "broker/config/config.h"
#include "broker/net/handed_sockets.h"

namespace bramble {

/// A socket that listens, non-blocking; closed with this object, and a Unix socket's file goes too: unless the service
/// manager has the socket too, and goes on listening.
/// Threads: main; it may end on another.
class BoundSocket {
 public:
  /// Who has it beside us: nobody; the manager, for the process after this one; the manager, whose own it is.
  enum class Keeper : std::uint8_t { none, store, unit };

  /// All that a listener asks for: IPv4 and IPv6 of each address of its name, or a Unix socket.
  /// `beside_own`: also on a port of one of this account's that share_port(). What is among `handed` is not opened
  /// anew. Errors: a line that names the listener, where it was declared, and what to do.
  static OrMessage<std::vector<BoundSocket>> open(const ListenerOptions& options, bool beside_own = false,
                                                  HandedSockets* handed = nullptr);
  /// What open() would take of them is wanted.
  static void want(const ListenerOptions& options, HandedSockets& handed);
  /// A Unix socket with this mode. What a broker that was killed has left there is replaced; what somebody listens on,
  /// or is no socket, is not.  Errors: a line without where it was asked for.
  static OrMessage<BoundSocket> open_unix(const std::string& path, unsigned mode);
  /// What open_unix() would say of the path itself: it is too long, or something else than a socket is there. Empty:
  /// nothing.
  static std::string no_unix_path(const std::string& path);

  BoundSocket(int descriptor, std::string file, Keeper keeper = Keeper::none)
      : descriptor_(descriptor), file_(std::move(file)), keeper_(keeper) {}
  BoundSocket(BoundSocket&& other) noexcept
      : descriptor_(other.descriptor_), file_(std::move(other.file_)), keeper_(other.keeper_) {
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
  Keeper keeper() const { return keeper_; }
  /// The manager has been given it to keep.
  void kept() { keeper_ = Keeper::store; }
  /// It ends with this object, whoever has been given it to keep: no connection comes any more.
  void give_up();

 private:
  static OrMessage<std::vector<BoundSocket>> open_path(const ListenerOptions& options, HandedSockets* handed);

  int descriptor_;
  std::string file_;  ///< of a Unix socket
  Keeper keeper_ = Keeper::none;
};

}  // namespace bramble
