#pragma once

#include "core/base/strong.h"
#include "core/base/time.h"

namespace bramble {

class Reactor;

/// Proof of being on a reactor's thread, inside a turn: what a reactor owns is touched only through functions that take
/// one. Only Reactor makes them, at the beginning of each of its handlers; making one takes the reactor online for
/// the shared structures (docs/design.md, Quiescence).  Lifetime: the stack of one handler.
class OnReactor {
 public:
  OnReactor(const OnReactor&) = delete;
  OnReactor& operator=(const OnReactor&) = delete;

  ReactorId id() const;
  SteadyTime now() const;  ///< the clock as read when the handler began
  Reactor& reactor() const { return reactor_; }

  /// The one of the handler that runs on this thread, for what core calls back (timers, PacketSink) and cannot pass it
  /// through. A broken invariant elsewhere.
  static const OnReactor& current();

 private:
  friend class Reactor;
  explicit OnReactor(Reactor& reactor);
  ~OnReactor();
  Reactor& reactor_;
};

}  // namespace bramble
