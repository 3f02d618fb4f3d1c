#pragma once

#include <atomic>
#include <memory>
#include <span>
#include <vector>

#include "broker/reactor/reactor.h"

namespace bramble {

/// All reactors. Threads: built and joined by main; post() and least_loaded() by any.
class Mesh {
 public:
  Mesh(unsigned reactors, std::size_t inbox_level_bytes, Quiescence& quiescence, Counters& counters,
       Nanoseconds busy_poll = {});

  unsigned size() const { return static_cast<unsigned>(reactors_.size()); }
  Reactor& operator[](ReactorId id) { return *reactors_[id.value]; }
  Reactor& operator[](unsigned i) { return *reactors_[i]; }

  void post(const OnReactor& here, ReactorId to, Message message) {
    reactors_[to.value]->inbox().post(here.id(), std::move(message));
  }
  void post(const OnReactor& here, ReactorId to, std::unique_ptr<Handoff> handoff) {
    const std::uint64_t place = handoff->place;
    reactors_[to.value]->inbox().post(here.id(), place, std::move(handoff));
  }
  /// Where a new connection goes: fewest connections, `preferred` if it is among them. O(reactors).
  ReactorId least_loaded(ReactorId preferred);

  /// Of all listeners; any thread, relaxed.
  std::atomic<int>& connections() { return connections_; }
  /// Connections that have hung up and are soon to be ended, so that their descriptors come free; any thread, relaxed.
  std::atomic<int>& leaving() { return leaving_; }
  /// Connections that found no place (max_connections); any thread, relaxed.
  std::atomic<std::uint32_t>& turned_away() { return turned_away_; }

  /// For a connection that was accepted just now: above those of all before it. Any thread.
  std::uint64_t next_number() { return numbers_.fetch_add(1, std::memory_order_relaxed); }

  void start(std::span<MessageHandler* const> handlers);
  void stop();  ///< posts Stop to all, waits for their threads

 private:
  std::vector<std::unique_ptr<Reactor>> reactors_;
  std::atomic<int> connections_{0};
  std::atomic<int> leaving_{0};
  std::atomic<std::uint32_t> turned_away_{0};
  std::atomic<std::uint64_t> numbers_{0};
};

}  // namespace bramble
