#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

#include "broker/reactor/on_reactor.h"
#include "core/base/ring.h"

namespace bramble {

class Connection;

/// With `durability commit`: the acknowledgements of one shard's connections that wait until what they acknowledge is
/// on the disk. Those of one client leave in the order in which they came.  [MQTT-4.6.0-2] [MQTT-4.6.0-3]
/// Threads: its reactor.  Cost: a look-up in a hash table; a few bytes an answer.
class HeldAnswers {
 public:
  /// A packet that leaves when this round of the store is on the disk, and those of the connection before it have.
  void add(Connection& connection, std::uint64_t round, std::string_view packet);
  /// The same as the one before it: there is one.
  void add_behind(Connection& connection, std::string_view packet);
  /// Nothing at all is written to it before that.
  void hold_output(Connection& connection, std::uint64_t round);
  /// Of one connection.
  std::size_t bytes(const Connection& connection) const;

  /// Round `round` is on the disk.
  void stored(const OnReactor& here, std::uint64_t round);
  void forget(Connection& connection) { waiting_.erase(&connection); }

 private:
  struct Mark {
    std::uint64_t round = 0;
    std::size_t end = 0;  ///< of what leaves with it, counted from the first byte there ever was
  };
  struct Waiting {
    std::string packets;
    std::size_t gone = 0;  ///< bytes that have left
    Ring<Mark> marks;
    std::uint64_t output_round = 0;  ///< 0: its output is free
  };
  /// Nothing is left of it.
  static bool release(const OnReactor& here, Connection& connection, Waiting& waiting, std::uint64_t round);

  std::unordered_map<Connection*, Waiting> waiting_;
};

}  // namespace bramble
