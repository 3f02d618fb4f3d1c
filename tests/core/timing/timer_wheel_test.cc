#include "core/timing/timer_wheel.h"

#include <algorithm>
#include <doctest/doctest.h>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <vector>

namespace bramble {

namespace {

using namespace std::chrono_literals;

constexpr SteadyTime kStart{std::chrono::hours(1000)};

struct TestTimer : Timer {
  explicit TestTimer(std::function<void()> what)
      : Timer([](Timer& timer) {
          const auto now_gone = static_cast<TestTimer&>(timer).call;  // the call may destroy the timer
          now_gone();
        }),
        call(std::move(what)) {}
  std::function<void()> call;
};

/// Counts how often it was due.
struct Counted : Timer {
  Counted() : Timer([](Timer& t) { ++static_cast<Counted&>(t).fired; }) {}
  int fired = 0;
};

}  // namespace

TEST_CASE("a timer is due at its deadline, once, and not before") {
  TimerWheel wheel(kStart);
  Counted timer;
  CHECK(wheel.empty());
  CHECK_FALSE(wheel.next());
  for (const Milliseconds after : {10ms, 640ms, 1000ms, 41'000ms, 3'600'000ms}) {
    const SteadyTime start = kStart + 24h * timer.fired;
    wheel.advance(start);
    const int before = timer.fired;
    wheel.arm(timer, start + after);
    CHECK(timer.armed());
    CHECK_FALSE(wheel.empty());
    wheel.advance(start + after - 1ns);
    CHECK(timer.fired == before);
    wheel.advance(start + after + 10ms);
    CHECK(timer.fired == before + 1);
    CHECK_FALSE(timer.armed());
    wheel.advance(start + after + 1h);
    CHECK(timer.fired == before + 1);
  }
  CHECK(wheel.empty());
}

TEST_CASE("a deadline that has passed is due with the next tick") {
  TimerWheel wheel(kStart);
  Counted timer;
  wheel.arm(timer, kStart - 5s);
  wheel.advance(kStart);
  CHECK(timer.fired == 0);
  wheel.advance(kStart + 10ms);
  CHECK(timer.fired == 1);
}

TEST_CASE("arming again moves the deadline, disarming removes it") {
  TimerWheel wheel(kStart);
  Counted moved, removed;
  wheel.arm(moved, kStart + 1s);
  wheel.arm(moved, kStart + 5s);
  wheel.arm(removed, kStart + 1s);
  wheel.disarm(removed);
  wheel.disarm(removed);
  wheel.advance(kStart + 4s);
  CHECK(moved.fired == 0);
  wheel.arm(moved, kStart + 4500ms);
  wheel.advance(kStart + 4600ms);
  CHECK(moved.fired == 1);
  CHECK(removed.fired == 0);
  CHECK(wheel.empty());
}

TEST_CASE("a Session Expiry Interval of 136 years, and the last time there is, are kept") {
  TimerWheel wheel(kStart);
  Counted longest, last;
  const auto interval = std::chrono::seconds(0xFFFF'FFFE);
  wheel.arm(longest, kStart + interval);
  wheel.arm(last, SteadyTime::max());
  wheel.advance(kStart + interval - 1s);
  CHECK(longest.fired == 0);
  wheel.advance(kStart + interval);
  CHECK(longest.fired == 1);
  CHECK(last.armed());
}

TEST_CASE("time that goes back, or stands still, changes nothing") {
  TimerWheel wheel(kStart);
  Counted timer;
  wheel.arm(timer, kStart + 50ms);
  wheel.advance(kStart - 1h);
  wheel.advance(kStart);
  CHECK(timer.armed());
  wheel.advance(kStart + 100ms);
  wheel.advance(kStart + 20ms);
  CHECK(timer.fired == 1);
}

TEST_CASE("next() is the deadline within 640 ms, and never after it by more than a tick") {
  TimerWheel wheel(kStart);
  Counted timer;
  for (std::int64_t after = 1; after < 3'000'000; after = after * 3 / 2 + 7) {
    wheel.arm(timer, kStart + Milliseconds(after));
    const auto next = wheel.next();
    REQUIRE(next);
    CHECK(*next < kStart + Milliseconds(after + 10));
    CHECK(*next > kStart);
  }
}

TEST_CASE("waking at next() only reaches any deadline in a few steps") {
  TimerWheel wheel(kStart);
  Counted timer;
  wheel.arm(timer, kStart + std::chrono::hours(24 * 365));
  int steps = 0;
  while (const auto next = wheel.next()) {
    wheel.advance(*next);
    REQUIRE(++steps < 10);
  }
  CHECK(timer.fired == 1);
}

TEST_CASE("a timer that is due may arm itself again") {
  TimerWheel wheel(kStart);
  int fired = 0;
  TestTimer* self = nullptr;
  TestTimer timer([&] {
    if (++fired < 5) wheel.arm(*self, kStart + fired * 100ms + 100ms);
  });
  self = &timer;
  wheel.arm(timer, kStart + 100ms);
  for (int i = 1; i <= 20; ++i) wheel.advance(kStart + i * 50ms);
  CHECK(fired == 5);
}

TEST_CASE("a timer that is due may destroy any other of the same tick, and itself") {
  TimerWheel wheel(kStart);
  int fired = 0;
  std::vector<std::unique_ptr<TestTimer>> timers;
  for (std::size_t i = 0; i < 6; ++i) {
    timers.push_back(std::make_unique<TestTimer>([&] {
      ++fired;
      timers.clear();
    }));
    wheel.arm(*timers.back(), kStart + 30ms);
  }
  wheel.advance(kStart + 1s);
  CHECK(fired == 1);
  CHECK(wheel.empty());
}

TEST_CASE("a timer that is due may disarm another of the same tick") {
  TimerWheel wheel(kStart);
  Counted second;
  TestTimer first([&] { wheel.disarm(second); });
  wheel.arm(first, kStart + 30ms);
  wheel.arm(second, kStart + 30ms);
  wheel.advance(kStart + 1s);
  CHECK(second.fired == 0);
}

TEST_CASE("a timer that is due may arm others, which are due in the same advance if their time has come") {
  TimerWheel wheel(kStart);
  Counted second, far;
  TestTimer first([&] {
    wheel.arm(second, kStart + 30ms);
    wheel.arm(far, kStart + 10s);
  });
  wheel.arm(first, kStart + 20ms);
  wheel.advance(kStart + 5s);
  CHECK(second.fired == 1);
  CHECK(far.armed());
}

TEST_CASE("a timer may be destroyed while it is armed") {
  TimerWheel wheel(kStart);
  auto timer = std::make_unique<Counted>();
  Counted other;
  wheel.arm(*timer, kStart + 1s);
  wheel.arm(other, kStart + 2s);
  timer.reset();
  CHECK(*wheel.next() > kStart + 1s);
  CHECK_FALSE(wheel.empty());
  wheel.advance(kStart + 3s);
  CHECK(other.fired == 1);
  CHECK(wheel.empty());
}

TEST_CASE("a wheel that goes away disarms its timers") {
  Counted timer;
  {
    TimerWheel wheel(kStart);
    wheel.arm(timer, kStart + 1h);
  }
  CHECK_FALSE(timer.armed());
}

TEST_CASE("the timer wheel agrees with a plain list of deadlines after any run of changes") {
  const unsigned seed = 20261122;
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  const auto tick_of = [](SteadyTime when) { return (when - kStart + 10ms - 1ns) / 10ms; };

  SteadyTime now = kStart;
  TimerWheel wheel(now);
  std::vector<int> fired;
  std::vector<std::unique_ptr<TestTimer>> timers;
  for (int name = 0; name < 300; ++name) {
    timers.push_back(std::make_unique<TestTimer>([&fired, name] { fired.push_back(name); }));
  }
  std::map<int, std::int64_t> armed;  // name -> the tick in which it is due

  const auto some_time = [&random] {  // anything from a millisecond to years, each size as likely
    const auto bits = random() % 38;
    return Milliseconds(random() % (std::uint64_t{1} << bits));
  };
  for (int step = 0; step < 50'000; ++step) {
    const int name = static_cast<int>(random() % timers.size());
    if (random() % 100 == 0) {
      timers[static_cast<std::size_t>(name)] = std::make_unique<TestTimer>([&fired, name] { fired.push_back(name); });
      armed.erase(name);
    }
    switch (random() % 4) {
      case 0:
      case 1: {
        const SteadyTime when = now + some_time();
        wheel.arm(*timers[static_cast<std::size_t>(name)], when);
        armed[name] = std::max(tick_of(when), (now - kStart) / 10ms + 1);
        break;
      }
      case 2:
        wheel.disarm(*timers[static_cast<std::size_t>(name)]);
        armed.erase(name);
        break;
      case 3: {
        now += random() % 50 == 0 ? some_time() : Milliseconds(random() % 300);
        std::multimap<std::int64_t, int> expected;
        std::erase_if(armed, [&](const auto& one) {
          const bool due = one.second <= (now - kStart) / 10ms;
          if (due) expected.emplace(one.second, one.first);
          return due;
        });
        fired.clear();
        wheel.advance(now);
        REQUIRE(fired.size() == expected.size());
        std::vector<std::int64_t> ticks;
        for (const int one : fired) {
          const auto it =
              std::find_if(expected.begin(), expected.end(), [one](const auto& e) { return e.second == one; });
          REQUIRE(it != expected.end());
          ticks.push_back(it->first);
        }
        REQUIRE(std::is_sorted(ticks.begin(), ticks.end()));
        break;
      }
    }
    REQUIRE(wheel.empty() == armed.empty());
    if (!armed.empty()) {
      std::int64_t first = armed.begin()->second;
      for (const auto& one : armed) first = std::min(first, one.second);
      REQUIRE(*wheel.next() <= kStart + first * 10ms);
      REQUIRE(*wheel.next() > now - 10ms);
    }
  }
}

}  // namespace bramble
