#pragma once

#include <cstdint>
#include <deque>
#include <unordered_map>
#include <vector>

#include "broker/reactor/on_reactor.h"

namespace bramble {

class Connection;

/// Those who have yet to be let in and those who have hung up: in line behind the clients at work, and dealt with for a
/// bounded time a turn, so that thousands who lose the network and come back at once keep nobody waiting. Epoll gives
/// out what is ready in the order in which it became so, and a session takes 10 us to end and as long to begin.
/// One line for both: what a client said before it hung up is read before its next CONNECT.  [MQTT-3.14.4-3]
/// Threads: its reactor's.
class Door {
 public:
  /// Bytes have come from a newcomer, or it has moved here with its CONNECT. Or its other end is closed, and epoll does
  /// not watch it any more: what has come from there is still read.
  void join(Connection& connection);
  /// When `ahead` has ended, `connection` stands first in line.
  void wait_behind(Connection& ahead, Connection& connection);
  /// Once a turn, after what is ready was handed out.
  void serve(const OnReactor& here);
  /// It is closed. O(1), and those who have waited for that.
  void forget(Connection& connection);

 private:
  /// True: something is left to do at once.
  bool serve_some(const OnReactor& here);

  void release_those_behind(Connection& ahead);

  std::deque<Connection*> line_;                                            ///< null: left before it was served
  std::uint32_t first_ = 0;                                                 ///< the place of line_[0]
  std::unordered_map<const Connection*, std::vector<Connection*>> behind_;  ///< whom they wait for, in their order
};

}  // namespace bramble
