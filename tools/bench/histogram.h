#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <vector>

namespace bramble::bench {

/// How many durations fell where: 128 equal steps from each power of two to the next, so that a value comes back
/// within 0.4 % of itself; below 128 ns exactly. What lasts longer than 2.4 hours counts as that long.
/// Cost: 42 KiB; O(1) to record, O(buckets) to ask.  Threads: a value of one thread (see LiveHistogram).
class Histogram {
 public:
  static constexpr unsigned kStepBits = 7;
  static constexpr unsigned kExponentMax = 42;
  static constexpr std::size_t kSteps = std::size_t{1} << kStepBits;
  static constexpr std::size_t kBuckets = (kExponentMax - kStepBits + 2) * kSteps;

  static std::size_t bucket_of(std::chrono::nanoseconds value);
  /// The middle of what the bucket covers.
  static std::chrono::nanoseconds value_of(std::size_t bucket);
  /// The least that the bucket covers; of kBuckets, what none covers any more.
  static std::chrono::nanoseconds lowest_of(std::size_t bucket);

  void record(std::chrono::nanoseconds value) { add(bucket_of(value), 1); }
  void add(std::size_t bucket, std::uint64_t times) {
    counts_[bucket] += times;
    count_ += times;
  }
  void add(const Histogram& other);
  /// What was recorded since `earlier`, an older copy of this one.
  Histogram since(const Histogram& earlier) const;

  std::uint64_t count() const { return count_; }
  std::uint64_t in_bucket(std::size_t bucket) const { return counts_[bucket]; }
  /// The value that `share` (0 to 1) of all recorded values do not exceed; share 1 is the longest. 0 when empty.
  std::chrono::nanoseconds percentile(double share) const;

 private:
  std::vector<std::uint64_t> counts_ = std::vector<std::uint64_t>(kBuckets);
  std::uint64_t count_ = 0;
};

/// A Histogram that one thread fills while others look at it.
/// Threads: record() from one; snapshot() from any, possibly missing what is recorded meanwhile.
class LiveHistogram {
 public:
  void record(std::chrono::nanoseconds value) { count(Histogram::bucket_of(value)); }
  void count(std::size_t bucket) {
    // Relaxed and without a locked instruction: nobody else writes, and snapshot() needs no order between buckets.
    auto& count = counts_[bucket];
    count.store(count.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  }
  Histogram snapshot() const;

 private:
  std::array<std::atomic<std::uint64_t>, Histogram::kBuckets> counts_{};
};

}  // namespace bramble::bench
