#pragma once

#include <cstdint>
#include <deque>
#include <list>
#include <unordered_map>

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
  /// `connection` steps out of the line, and waits for let_next(ahead).
  void wait_behind(Connection& ahead, Connection& connection);
  /// `ahead` has ended, or has begun and goes on: of those behind it the first is now first in line, and the others
  /// wait behind that one. So a thousand who wait for one client are a thousand steps. O(1).
  void let_next(Connection& ahead);
  /// Once a turn, after what is ready was handed out.
  void serve(const OnReactor& here);
  /// It is closed. O(1).
  void forget(Connection& connection);

 private:
  using Queue = std::list<Connection*>;  // a Connection knows its place in it

  /// True: something is left to do at once.
  bool serve_some(const OnReactor& here);

  std::deque<Connection*> line_;                         ///< null, here and in behind_: has closed
  std::uint32_t first_ = 0;                              ///< the place of line_[0]
  std::unordered_map<const Connection*, Queue> behind_;  ///< by whom they wait for
};

}  // namespace bramble
