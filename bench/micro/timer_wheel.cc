#include "core/timing/timer_wheel.h"

#include <benchmark/benchmark.h>
#include <memory>
#include <random>
#include <vector>

// Keep alives: many timers, each armed again and again, few of them ever due.

namespace bramble {

namespace {

constexpr SteadyTime kStart{std::chrono::hours(1)};

struct Idle : Timer {
  Idle() : Timer([](Timer&) {}) {}
};

std::vector<std::unique_ptr<Idle>> timers(std::int64_t count) {
  std::vector<std::unique_ptr<Idle>> made(static_cast<std::size_t>(count));
  for (auto& timer : made) timer = std::make_unique<Idle>();
  return made;
}

void arm_again(benchmark::State& state) {
  TimerWheel wheel(kStart);
  const auto all = timers(state.range(0));
  std::mt19937 random(1);
  std::vector<std::uint32_t> order(4096);
  for (auto& which : order) which = static_cast<std::uint32_t>(random() % all.size());
  std::size_t at = 0;
  for (auto _ : state) {
    ++at;
    wheel.arm(*all[order[at % order.size()]], kStart + Milliseconds(90'000 + at % 60'000));
  }
}
BENCHMARK(arm_again)->Arg(100)->Arg(100'000);

/// One timer's whole life: armed a minute ahead, dealt out, due; a thousand of them at any time.
void live(benchmark::State& state) {
  TimerWheel wheel(kStart);
  const auto all = timers(1000);
  SteadyTime now = kStart;
  std::size_t at = 0;
  for (auto _ : state) {
    now += Milliseconds(60);
    wheel.advance(now);
    wheel.arm(*all[++at % all.size()], now + std::chrono::minutes(1));
  }
}
BENCHMARK(live);

void next(benchmark::State& state) {
  TimerWheel wheel(kStart);
  Idle timer;
  wheel.arm(timer, kStart + std::chrono::hours(state.range(0)));
  for (auto _ : state) benchmark::DoNotOptimize(wheel.next());
}
BENCHMARK(next)->Arg(0)->Arg(1000);

}  // namespace

}  // namespace bramble
