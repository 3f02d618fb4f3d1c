#pragma once

#include <cstdint>
#include <string_view>

#include "core/base/time.h"
#include "tools/bench/histogram.h"

namespace bramble::bench {

/// One line a second on stderr while a run goes on; on a terminal each overwrites the one before.
/// Threads: the main thread.
class Progress {
 public:
  Progress(bool silent, SteadyTime start);
  ~Progress();

  bool due(SteadyTime now) const { return !silent_ && now >= next_; }
  /// `what`: "warm up" and the like. The counts and the histogram are those since the start.
  void line(SteadyTime now, std::string_view what, std::uint64_t in, std::uint64_t out, const Histogram& latency);

 private:
  const bool silent_;
  const bool overwrites_;
  const SteadyTime start_;
  SteadyTime last_;
  SteadyTime next_;
  std::uint64_t in_ = 0;
  std::uint64_t out_ = 0;
  Histogram latency_;
  bool wrote_ = false;
};

}  // namespace bramble::bench
