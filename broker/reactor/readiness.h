#pragma once

#include <array>
#include <cstdint>
#include <sys/epoll.h>

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

/// The epoll registrations of one reactor, which sleeps in wait(). EPOLLOUT is asked for only while a socket takes no
/// more. Why not asio's: it arms with an epoll_ctl a wait, never takes EPOLLOUT back, so that a client that was slow
/// once doubles its wake-ups for life, and waited on as a nested set it made 4 epoll_wait and an epoll_ctl of each wake
/// (DECISIONS 9).
/// Threads: the reactor's.
class Readiness {
 public:
  Readiness();
  ~Readiness();
  Readiness(const Readiness&) = delete;

  /// False: the kernel refuses (out of memory or watches).
  bool add(int descriptor, Watcher& watcher, std::uint32_t events);
  void change(int descriptor, Watcher& watcher, std::uint32_t events);
  /// What wait() has found for it is forgotten too.
  void remove(int descriptor, Watcher& watcher);
  /// One of `events` (POLLIN, POLLRDHUP) has happened, whether wait() has said so yet or not. One system call.
  static bool shows(int descriptor, short events);

  static constexpr int kEventsMax = 512;
  /// Waits until something is ready, so long at most, and says whether anything is: at once if dispatch() has left
  /// some. Between turns: the reactor may be offline.
  bool wait(Milliseconds at_most);
  /// Hands out what wait() has found, at most kEventsMax, until what was read fills TurnBuffer::kEnough. The rest comes
  /// in the next turn, before anything new: a watcher may get an event that it has since said it does not want.
  void dispatch(const OnReactor& here);

 private:
  int set_;
  int found_ = 0;
  int next_ = 0;  ///< of those to be handed out
  std::array<epoll_event, kEventsMax> events_;
};

}  // namespace bramble
