#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/time.h"
#include "tools/bench/histogram.h"
#include "tools/bench/process.h"

namespace bramble::bench {

/// What a scenario has counted since its run began.
struct Counts {
  std::string_view in_name = "published";   ///< what `in` counts; a word that a metric's name can hold
  std::string_view out_name = "delivered";  ///< and `out`; empty: nothing
  std::uint64_t in = 0;
  std::uint64_t out = 0;
  std::uint32_t connected = 0;
  std::uint64_t missing = 0;  ///< a later one of the same publisher came before: lost, unless it still comes
  std::uint64_t duplicates = 0;
  std::uint64_t reordered = 0;
  Histogram latency{};
};

/// One second of a run.
struct Second {
  double at = 0;  ///< seconds since the run began, at its end
  std::string phase{};
  double in_per_s = 0;
  double out_per_s = 0;
  double p50_us = 0;  ///< of what arrived in it
  double p99_us = 0;
  std::uint32_t connected = 0;
  std::optional<double> broker_cores{};  ///< when the broker's process is known
  std::optional<double> broker_mb{};
  double busiest_thread = 0;  ///< share of a CPU that the busiest thread of this process used
  double machine_busy = 0;    ///< share of all CPUs of this machine that somebody used
  std::size_t open_files = 0;
};

/// What a Viewer is shown.
struct Moment {
  std::string_view phase;
  double elapsed = 0;                 ///< seconds since the run began
  std::optional<double> remaining{};  ///< as far as it is known
  const Counts& counts;
  const std::vector<Second>& seconds;  ///< the last is the one to show; never empty
};

/// Somewhere a run is shown while it goes on: the terminal, an HTTP endpoint, a manager.
class Viewer {
 public:
  virtual ~Viewer() = default;
  virtual void show(const Moment& moment) = 0;
};

/// Looks at a run once a second: keeps what it saw for the charts of the report, and shows it to the viewers.
/// Cost: a few hundred microseconds each second, mostly of reading /proc.  Threads: the main thread.
class Progress {
 public:
  static constexpr std::size_t kSecondsMax = 86'400;  ///< a day; then the oldest goes

  /// `broker_pid` 0: not known.
  explicit Progress(int broker_pid = 0, std::vector<Viewer*> viewers = {});

  void begin(SteadyTime now);
  bool due(SteadyTime now) const { return now >= next_; }
  /// `phase`: "warm up" and the like. `until`: when the run will end; max() if that depends on the broker.
  void tell(SteadyTime now, std::string_view phase, SteadyTime until, Counts counts);

  const std::vector<Second>& seconds() const { return seconds_; }

 private:
  const int broker_pid_;
  const std::vector<Viewer*> viewers_;
  SteadyTime start_{};
  SteadyTime last_{};
  SteadyTime next_{};
  Counts before_;
  Load load_before_;
  std::optional<ProcessUse> broker_before_;
  std::vector<Second> seconds_;
};

}  // namespace bramble::bench
