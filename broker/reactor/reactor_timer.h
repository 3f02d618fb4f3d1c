#pragma once

#include "broker/reactor/on_reactor.h"
#include "core/timing/timer_wheel.h"

namespace bramble {

/// A deadline on a reactor's wheel (Reactor::timers): due() is called on the reactor, once, at the end of the turn in
/// which it has passed. It may be armed again, or destroyed, from there.
class ReactorTimer : public Timer {
 public:
  ReactorTimer() : Timer([](Timer& timer) { static_cast<ReactorTimer&>(timer).due(OnReactor::current()); }) {}
  virtual void due(const OnReactor& here) = 0;

 protected:
  ~ReactorTimer() = default;
};

}  // namespace bramble
