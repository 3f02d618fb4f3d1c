#pragma once

#include <algorithm>

#include "core/base/time.h"

namespace bramble {

/// So much a second, of which what is not used is saved up to a limit: a token bucket.  Threads: its owner's.
class Allowance {
 public:
  Allowance(double left, SteadyTime now) : left_(left), as_of_(now) {}

  /// What the time since the last refill has brought.
  void refill(double rate, double most, SteadyTime now) {
    left_ = std::min(most, left_ + std::chrono::duration<double>(now - as_of_).count() * rate);
    as_of_ = now;
  }
  bool any() const { return left_ > 0; }
  bool has(double amount) const { return left_ >= amount; }
  /// More than is left, too: then it takes longer until there is any.
  void spend(double amount) { left_ -= amount; }
  SteadyTime as_of() const { return as_of_; }

 private:
  double left_;
  SteadyTime as_of_;
};

}  // namespace bramble
