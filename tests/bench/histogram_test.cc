#include "tools/bench/histogram.h"

#include <algorithm>
#include <cmath>
#include <doctest/doctest.h>
#include <random>
#include <thread>
#include <vector>

using bramble::bench::Histogram;
using bramble::bench::LiveHistogram;
using std::chrono::nanoseconds;

namespace {

double off_by(nanoseconds told, nanoseconds exact) {
  const auto difference = static_cast<double>(std::abs((told - exact).count()));
  return difference / static_cast<double>(std::max<std::int64_t>(exact.count(), 1));
}

/// The value that `share` of `sorted` does not exceed.
nanoseconds exact_percentile(const std::vector<nanoseconds>& sorted, double share) {
  const auto rank = static_cast<std::size_t>(std::ceil(share * static_cast<double>(sorted.size())));
  return sorted[std::max<std::size_t>(rank, 1) - 1];
}

}  // namespace

TEST_CASE("every value comes back from its bucket within 0.4 percent") {
  for (std::int64_t exact = 0; exact < 128; ++exact) {
    CHECK(Histogram::value_of(Histogram::bucket_of(nanoseconds(exact))) == nanoseconds(exact));
  }
  for (std::int64_t exact = 128; exact < std::int64_t{8'000'000'000'000}; exact += exact / 97 + 1) {
    const nanoseconds value(exact);
    CAPTURE(exact);
    REQUIRE(off_by(Histogram::value_of(Histogram::bucket_of(value)), value) <= 0.004);
  }
}

TEST_CASE("buckets follow each other without a hole or an overlap") {
  std::size_t last = Histogram::bucket_of(nanoseconds(0));
  CHECK(last == 0);
  for (std::int64_t value = 1; value < 70'000; ++value) {
    const std::size_t bucket = Histogram::bucket_of(nanoseconds(value));
    REQUIRE((bucket == last || bucket == last + 1));
    last = bucket;
  }
}

TEST_CASE("values beyond both ends go to the first and the last bucket") {
  CHECK(Histogram::bucket_of(nanoseconds(-5)) == 0);
  CHECK(Histogram::bucket_of(std::chrono::hours(24)) == Histogram::kBuckets - 1);
  CHECK(Histogram::bucket_of(nanoseconds::max()) == Histogram::kBuckets - 1);
}

TEST_CASE("percentiles agree with a sorted list within 1 percent") {
  std::mt19937_64 random(20261122);
  std::lognormal_distribution<double> skewed(11, 2);
  Histogram histogram;
  std::vector<nanoseconds> plain;
  for (int i = 0; i < 200'000; ++i) {
    const nanoseconds value(static_cast<std::int64_t>(skewed(random)));
    histogram.record(value);
    plain.push_back(value);
  }
  std::sort(plain.begin(), plain.end());
  CHECK(histogram.count() == plain.size());
  for (const double share : {0.0, 0.1, 0.5, 0.9, 0.99, 0.999, 0.9999, 1.0}) {
    CAPTURE(share);
    CHECK(off_by(histogram.percentile(share), exact_percentile(plain, share)) <= 0.01);
  }
}

TEST_CASE("an empty histogram has percentiles of zero") {
  CHECK(Histogram().percentile(0.5) == nanoseconds(0));
  CHECK(Histogram().count() == 0);
}

TEST_CASE("what was recorded since an older copy is told apart from what came before") {
  Histogram histogram;
  histogram.record(nanoseconds(10));
  const Histogram before = histogram;
  histogram.record(nanoseconds(100));
  histogram.record(nanoseconds(100));
  const Histogram after = histogram.since(before);
  CHECK(after.count() == 2);
  CHECK(after.percentile(0) == nanoseconds(100));
  Histogram both = before;
  both.add(after);
  CHECK(both.count() == histogram.count());
}

TEST_CASE("a live histogram loses nothing to those who look at it while it fills") {
  constexpr std::uint64_t kValues = 100'000;
  LiveHistogram live;
  std::thread writer([&live] {
    for (std::uint64_t i = 0; i < kValues; ++i) live.record(nanoseconds(i % 1'000));
  });
  std::uint64_t seen = 0;
  while (seen < kValues) {
    const std::uint64_t now = live.snapshot().count();
    REQUIRE(now >= seen);
    seen = now;
  }
  writer.join();
  CHECK(live.snapshot().count() == kValues);
}
