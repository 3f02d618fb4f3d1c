#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <vector>

#include "broker/metrics/metric_table.h"
#include "core/base/strong.h"

namespace bramble {

/// What one reactor has counted. On cache lines of its own, so that counting disturbs nobody.
/// Threads: add() its reactor only; value() any.  Cost: add() a load and a store.
class alignas(64) ReactorCounters {
 public:
  [[gnu::always_inline]] void add(Metric metric, std::int64_t by = 1) {
    // One writer, so no atomic add is needed. Relaxed on both sides: a reader wants a recent figure and nothing with
    // it.
    auto& value = values_[static_cast<std::size_t>(metric)];
    value.store(value.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
  }
  void subtract(Metric metric, std::int64_t by = 1) { add(metric, -by); }
  std::int64_t value(Metric metric) const {
    return values_[static_cast<std::size_t>(metric)].load(std::memory_order_relaxed);
  }

 private:
  std::array<std::atomic<std::int64_t>, kMetricCount> values_{};
};

/// Every metric summed over the reactors at one moment.
struct MetricSums {
  std::array<std::int64_t, kMetricCount> values{};
  std::int64_t operator[](Metric metric) const { return values[static_cast<std::size_t>(metric)]; }
  std::int64_t& operator[](Metric metric) { return values[static_cast<std::size_t>(metric)]; }
};

/// The counters of all reactors. Outlives them.  Threads: of() any, what it returns one; the sums any.
class Counters {
 public:
  explicit Counters(unsigned reactors);

  ReactorCounters& of(ReactorId reactor);
  std::int64_t sum(Metric metric) const;
  MetricSums sums() const;

 private:
  std::vector<ReactorCounters> reactors_;  // never grows: its elements are handed out
};

}  // namespace bramble
