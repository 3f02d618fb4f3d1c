#pragma once

#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "tests/stress/swarm.h"

namespace bramble::testing {

/// A pair of clients, one message on its way from one to the other at a time, measured: what others do to those who
/// have nothing to do with it.  Threads: one of its own; stop() from the test's.
class LatencyProbe {
 public:
  /// Its first message has come when this returns, unless none can.
  LatencyProbe(const Broker& broker, const std::string& name);
  ~LatencyProbe() { stop(); }

  void stop();
  // after stop()
  std::size_t messages() const { return times_.size(); }
  double milliseconds(double quantile) const;
  /// What one would wait who came at a random moment: a pause that lasts half of the time counts as half, although only
  /// one message met it.
  double milliseconds_at_any_time(double quantile) const;

 private:
  void run();
  void say_begun();

  const std::uint16_t port_;
  const std::string name_;
  std::vector<SteadyTime::duration> times_;
  std::atomic<bool> begun_{false}, stopping_{false};
  std::thread thread_;
};

/// The p99 of a pair on its own for so long: what the machine makes of it.
double quiet_p99(const Broker& broker, Milliseconds time);

}  // namespace bramble::testing
