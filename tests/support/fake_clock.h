#pragma once

#include "core/base/time.h"

namespace bramble::testing {

/// A time that passes when the test says so.  Threads: the test's own.
class FakeClock {
 public:
  SteadyTime now() const { return now_; }
  void advance(SteadyTime::duration by) { now_ += by; }

 private:
  SteadyTime now_{Seconds(1'000'000)};  // not the epoch: a time left at its default must stand out
};

}  // namespace bramble::testing
