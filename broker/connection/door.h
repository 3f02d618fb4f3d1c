#pragma once

#include <cstdint>
#include <deque>

#include "broker/reactor/on_reactor.h"

namespace bramble {

class Connection;

/// Those who have yet to be let in and those who have hung up: in line behind the clients at work, and dealt with for a
/// bounded time a turn, so that thousands who lose the network and come back at once keep nobody waiting. Epoll gives
/// out what is ready in the order in which it became so, and a session takes 10 us to end and as long to begin.
/// Threads: its reactor's.
class Door {
 public:
  /// Bytes have come for its CONNECT, or it has gone before that. It hears nothing more from epoll until it is served.
  void comes(Connection& connection) { join(coming_, connection); }
  /// Its other end is closed: what has come from there is still read. Epoll does not watch it any more.
  void goes(Connection& connection) { join(going_, connection); }
  /// Once a turn, after what is ready was handed out.
  void serve(const OnReactor& here) {
    if (!coming_.waiting.empty() || !going_.waiting.empty()) serve_lines(here);
  }
  /// It is closed. O(1).
  void forget(Connection& connection);

 private:
  struct Line {
    std::deque<Connection*> waiting;  ///< null: left before it was served
    std::uint32_t first = 0;          ///< the place of waiting[0]
  };
  void serve_lines(const OnReactor& here);
  static void join(Line& line, Connection& connection);
  /// True: something is left to do at once.
  static bool serve(const OnReactor& here, Line& line);

  Line coming_;
  Line going_;
};

}  // namespace bramble
