#include "broker/metrics/counters.h"

#include "core/base/check.h"

namespace bramble {

Counters::Counters(unsigned reactors) : reactors_(reactors) { check(reactors > 0, "somebody has to count"); }

ReactorCounters& Counters::of(ReactorId reactor) {
  check(reactor.value < reactors_.size(), "no such reactor");
  return reactors_[reactor.value];
}

std::int64_t Counters::sum(Metric metric) const {
  std::int64_t sum = 0;
  for (const ReactorCounters& reactor : reactors_) sum += reactor.value(metric);
  return sum;
}

MetricSums Counters::sums() const {
  MetricSums sums;
  for (const MetricRow& row : kMetrics) sums[row.metric] = sum(row.metric);
  return sums;
}

}  // namespace bramble
