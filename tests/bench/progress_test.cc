#include "tools/bench/progress.h"

#include <doctest/doctest.h>
#include <unistd.h>

using namespace bramble::bench;
using bramble::SteadyTime;
using std::chrono::microseconds;
using std::chrono::seconds;

namespace {

constexpr SteadyTime kStart{seconds(1'000)};

/// Keeps what it was shown.
struct Watcher final : Viewer {
  void show(const Moment& moment) override {
    elapsed = moment.elapsed;
    remaining = moment.remaining;
    ++times;
  }
  int times = 0;
  double elapsed = 0;
  std::optional<double> remaining;
};

}  // namespace

TEST_CASE("a second has the rates since the one before, and the latency of what came in it") {
  Watcher watcher;
  Progress progress(0, {&watcher});
  progress.begin(kStart);
  CHECK_FALSE(progress.due(kStart + std::chrono::milliseconds(999)));
  CHECK(progress.due(kStart + seconds(1)));
  Counts counts{.in = 100, .out = 50, .connected = 7};
  counts.latency.record(microseconds(1'000));
  progress.tell(kStart + seconds(1), "warm up", kStart + seconds(10), counts);
  counts.in = 500;
  counts.out = 150;
  counts.latency.record(microseconds(10));
  progress.tell(kStart + seconds(3), "measure", kStart + seconds(10), counts);

  REQUIRE(progress.seconds().size() == 2);
  const Second& second = progress.seconds().back();
  CHECK(second.at == 3);
  CHECK(second.phase == "measure");
  CHECK(second.in_per_s == 200);
  CHECK(second.out_per_s == 50);
  CHECK(second.p99_us == doctest::Approx(10).epsilon(0.01));
  CHECK(second.connected == 7);
  CHECK(watcher.times == 2);
  CHECK(watcher.elapsed == 3);
  CHECK(watcher.remaining == 7);
}

TEST_CASE("a scenario that begins to count anew has no negative rate") {
  Progress progress;
  progress.begin(kStart);
  progress.tell(kStart + seconds(1), "publish", SteadyTime::max(), {.in = 1'000});
  progress.tell(kStart + seconds(2), "receive", SteadyTime::max(), {.in = 30});
  CHECK(progress.seconds().back().in_per_s == 30);
}

TEST_CASE("a second has the CPU time and memory of the broker's process, and what this process has open") {
  Progress progress(::getpid());
  progress.begin(kStart);
  progress.tell(kStart + seconds(1), "measure", SteadyTime::max(), {});
  const Second& second = progress.seconds().back();
  REQUIRE(second.broker_mb);
  CHECK(*second.broker_mb > 1);
  CHECK(second.broker_cores.has_value());
  CHECK(second.open_files >= 3);
  CHECK(second.open_files <= open_files_max());
  Progress without;
  without.begin(kStart);
  without.tell(kStart + seconds(1), "measure", SteadyTime::max(), {});
  CHECK_FALSE(without.seconds().back().broker_mb);
}
