#pragma once

#include <string>
#include <string_view>
#include <sys/socket.h>
#include <vector>

#include "broker/config/listener_options.h"

namespace bramble {

/// Sockets that listened before this process began: the service manager has kept them since the process before, or has
/// opened them itself (systemd.socket). What nobody takes is closed with this object.
/// Threads: main. Cost: O(sockets) a question.
class HandedSockets {
 public:
  struct Socket {
    int descriptor = -1;  ///< -1: there is none
    std::string name;     ///< the manager's
  };

  HandedSockets() = default;
  explicit HandedSockets(std::vector<Socket> sockets);
  HandedSockets(HandedSockets&&) = default;
  ~HandedSockets();

  /// What take() would give is wanted.
  void want(const sockaddr& address, const ListenerOptions& options);
  /// Closes all that is not wanted; before others are opened, for one may be in their way. A line in the log for each
  /// that is not one of our own.
  void close_unwanted();
  /// One that listens on exactly this address and as the options say: on their device, and for IPv6 alone where it is
  /// IPv6. Non-blocking, and the caller's now.
  Socket take(const sockaddr& address, const ListenerOptions& options);

  /// What the manager is to call a socket that it keeps for the next process: "listener_127.0.0.1_1883" (a name has no
  /// colon), with "@eth0" behind it if it is bound to a device.
  static std::string name_of(int descriptor);
  /// It has such a name.
  static bool is_ours(const Socket& socket) { return socket.name.starts_with(kOurs); }

 private:
  static constexpr std::string_view kOurs = "listener_";
  struct Place {
    Socket socket;
    bool wanted = false;
  };
  Place* find(const sockaddr& address, const ListenerOptions& options);

  std::vector<Place> places_;
};

}  // namespace bramble
