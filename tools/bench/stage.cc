#include "tools/bench/stage.h"

namespace bramble::bench {

namespace {

using namespace std::chrono_literals;

constexpr auto kQuietMax = 20s;
constexpr auto kSettled = 5s;
constexpr auto kLookEvery = 20ms;

}  // namespace

Stage::Stage(Run run, const Endpoint& broker) : run_(run), broker_(broker) { run_.progress.begin(now()); }

SteadyTime Stage::turn(SteadyTime at) { return work_ && work_(at) ? at : at + kLookEvery; }

bool Stage::until(std::string_view what, std::uint64_t goal, const std::function<std::uint64_t()>& count) {
  const std::uint64_t reached = wait(what, goal, count, kQuietMax);
  if (reached < goal) {
    fail(std::string(what) + ": nothing more came for 20 s, " + std::to_string(reached) + " of " +
         std::to_string(goal));
  }
  return !failed_;
}

bool Stage::settle(std::string_view what, std::uint64_t goal, const std::function<std::uint64_t()>& count) {
  return wait(what, goal, count, kSettled) >= goal;
}

std::uint64_t Stage::wait(std::string_view what, std::uint64_t goal, const std::function<std::uint64_t()>& count,
                          SteadyTime::duration quiet_max) {
  std::uint64_t reached = count();
  SteadyTime last_change = now(), next_look = last_change;
  while (!failed_ && reached < goal && now() - last_change < quiet_max) {
    worker_.turn(*this);
    if (const std::uint64_t count_now = count(); count_now != reached) {
      reached = count_now;
      last_change = now();
    }
    if (now() < next_look) continue;
    next_look = now() + kLookEvery;
    if (run_.progress.due(now())) {
      run_.progress.tell(now(), what, SteadyTime::max(), {.in_name = "done", .out_name = {}, .in = reached});
    }
    if (run_.interrupts.sleep_until(now())) {
      failed_ = true;
      run_.report.note("ended by the user: " + std::string(what) + " " + std::to_string(reached) + " of " +
                       std::to_string(goal));
    }
  }
  return reached;
}

void Stage::rest(SteadyTime::duration time) {
  const SteadyTime end = now() + time;
  while (!failed_ && now() < end && !run_.interrupts.seen()) worker_.turn(*this);
}

void Stage::fail(const std::string& why) {
  if (!std::exchange(failed_, true)) run_.report.fault(why);
}

}  // namespace bramble::bench
