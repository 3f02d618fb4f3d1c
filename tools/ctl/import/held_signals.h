#pragma once

#include <csignal>

namespace bramble::ctl {

/// SIGINT, SIGTERM and SIGHUP wait while it lives, and count when it has gone: for what is to be done whole, or undone,
/// before they end the process.  Threads: one, and no other runs.
class HeldSignals {
 public:
  HeldSignals() {
    ::sigemptyset(&held_);
    for (const int signal : {SIGINT, SIGTERM, SIGHUP}) ::sigaddset(&held_, signal);
    ::sigprocmask(SIG_BLOCK, &held_, &before_);
  }
  ~HeldSignals() { ::sigprocmask(SIG_SETMASK, &before_, nullptr); }
  HeldSignals(const HeldSignals&) = delete;

  /// One of them waits.
  bool waits() const {
    sigset_t waiting{};
    ::sigpending(&waiting);
    return ::sigismember(&waiting, SIGINT) == 1 || ::sigismember(&waiting, SIGTERM) == 1 ||
           ::sigismember(&waiting, SIGHUP) == 1;
  }

 private:
  sigset_t held_{}, before_{};
};

}  // namespace bramble::ctl
