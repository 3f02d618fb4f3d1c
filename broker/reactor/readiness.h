#pragma once

#include <cstdint>

#include "broker/reactor/on_reactor.h"

namespace bramble {

/// Something that waits for a descriptor.
class Watcher {
 public:
  /// `events`: EPOLLIN, EPOLLOUT, EPOLLHUP, EPOLLERR as epoll gives them, level-triggered.
  virtual void ready(const OnReactor& here, std::uint32_t events) = 0;

 protected:
  ~Watcher() = default;
};

/// The epoll registrations of one reactor: a set of its own that asio waits on as one descriptor.
/// Why not asio's sockets: asio 1.22 arms with an epoll_ctl a wait and never takes EPOLLOUT back, so a client that was
/// slow once doubles its wake-ups for life (178 against 309 user instructions an event; docs/design.md, Figures).
/// Threads: the reactor's.
class Readiness {
 public:
  Readiness();
  ~Readiness();
  Readiness(const Readiness&) = delete;

  int descriptor() const { return set_; }
  /// False: the kernel refuses (out of memory or watches).
  bool add(int descriptor, Watcher& watcher, std::uint32_t events);
  void change(int descriptor, Watcher& watcher, std::uint32_t events);
  void remove(int descriptor);

  static constexpr int kEventsMax = 512;
  /// Hands out what is ready now, at most kEventsMax; returns how many. A watcher that was removed meanwhile may still
  /// get its event: it must live until the end of the turn and ignore it.
  int dispatch(const OnReactor& here);

 private:
  int set_;
};

}  // namespace bramble
