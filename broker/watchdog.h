#pragma once

#include <atomic>
#include <memory>

#include "broker/broker.h"
#include "broker/service.h"
#include "core/base/time.h"

namespace bramble {

/// Tells the service manager that the broker is alive, each time that all reactors have answered since it was last
/// told: one that hangs, or main, is not told of, and the manager begins the broker anew. Four times in the time that
/// the manager wants to hear it in; nothing at all if it does not. Threads: main, while the reactors run.
class Watchdog {
 public:
  Watchdog(Service& service, Broker& broker);

  /// Until look() has something to do; -1: never.
  int wait_for_ms() const;
  /// Does nothing before its time.
  void look();

 private:
  void ask();

  Service& service_;
  Broker& broker_;
  const Milliseconds every_;  ///< 0: nobody wants to hear anything
  SteadyTime look_at_;
  std::shared_ptr<const std::atomic<unsigned>> missing_;
};

}  // namespace bramble
