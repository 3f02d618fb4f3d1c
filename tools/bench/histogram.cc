#include "tools/bench/histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace bramble::bench {

std::size_t Histogram::bucket_of(std::chrono::nanoseconds value) {
  constexpr std::uint64_t kLongest = (std::uint64_t{2} << kExponentMax) - 1;
  const auto ns = std::min(static_cast<std::uint64_t>(std::max<std::int64_t>(value.count(), 0)), kLongest);
  if (ns < kSteps) return static_cast<std::size_t>(ns);
  const auto exponent = static_cast<unsigned>(std::bit_width(ns)) - 1;
  const std::uint64_t step = (ns >> (exponent - kStepBits)) - kSteps;
  return (exponent - kStepBits + 1) * kSteps + static_cast<std::size_t>(step);
}

std::chrono::nanoseconds Histogram::lowest_of(std::size_t bucket) {
  if (bucket < kSteps) return std::chrono::nanoseconds(bucket);
  const unsigned shift = static_cast<unsigned>(bucket / kSteps) - 1;
  return std::chrono::nanoseconds((kSteps + bucket % kSteps) << shift);
}

std::chrono::nanoseconds Histogram::value_of(std::size_t bucket) {
  return lowest_of(bucket) + (lowest_of(bucket + 1) - lowest_of(bucket) - std::chrono::nanoseconds(1)) / 2;
}

void Histogram::add(const Histogram& other) {
  for (std::size_t i = 0; i < kBuckets; ++i) counts_[i] += other.counts_[i];
  count_ += other.count_;
}

Histogram Histogram::since(const Histogram& earlier) const {
  Histogram rest;
  for (std::size_t i = 0; i < kBuckets; ++i) rest.add(i, counts_[i] - earlier.counts_[i]);
  return rest;
}

std::chrono::nanoseconds Histogram::percentile(double share) const {
  if (count_ == 0) return {};
  const auto rank = static_cast<std::uint64_t>(std::ceil(share * static_cast<double>(count_)));
  const std::uint64_t wanted = std::clamp<std::uint64_t>(rank, 1, count_);
  std::uint64_t seen = 0;
  std::size_t bucket = 0;
  while ((seen += counts_[bucket]) < wanted) ++bucket;
  return value_of(bucket);
}

Histogram LiveHistogram::snapshot() const {
  Histogram copy;
  for (std::size_t i = 0; i < counts_.size(); ++i) {
    if (const auto times = counts_[i].load(std::memory_order_relaxed)) copy.add(i, times);  // pairs with record()
  }
  return copy;
}

}  // namespace bramble::bench
