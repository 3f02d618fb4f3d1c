#include "broker/reactor/reactor.h"

#include <algorithm>
#include <pthread.h>
#include <sched.h>
#include <string>
#include <sys/epoll.h>

#include "core/base/check.h"

namespace bramble {

namespace {
constexpr Seconds kReclaimEvery{1};
constexpr Milliseconds kSleepMax{3'600'000};

// A sleep that work ends after less than kPollMax costs more than looking for it meanwhile: waking takes 10 us of the
// waker and 20 of the sleeper. So after short sleeps a reactor polls before it sleeps again, longer each time; after a
// longer one it does not. One message a wake, two reactors beside a busy client on two cores: 7.7 CPU seconds a million
// instead of 11.5, and at 10,000 a second nothing changes (EPYC guest, 2026-11-25; DECISIONS 9).
constexpr Nanoseconds kPollMin{2'500};
constexpr Nanoseconds kPollMax{20'000};
constexpr int kLooksMax = 16;  // at an inbox that somebody is posting to this very moment
thread_local const OnReactor* current_turn = nullptr;
}  // namespace

OnReactor::OnReactor(Reactor& reactor) : reactor_(reactor) {
  reactor.enter();
  current_turn = this;
}

OnReactor::~OnReactor() { current_turn = nullptr; }

const OnReactor& OnReactor::current() {
  check(current_turn != nullptr, "only what a reactor runs asks where it is");
  return *current_turn;
}

Reactor::Reactor(ReactorId id, unsigned reactors, std::size_t inbox_level_bytes, Quiescence& quiescence,
                 ReactorCounters& counters, Nanoseconds busy_poll)
    : id_(id),
      quiescence_(quiescence),
      counters_(counters),
      busy_poll_(busy_poll),
      inbox_(reactors, inbox_level_bytes),
      timers_(std::chrono::steady_clock::now()) {
  check(readiness_.add(inbox_.wake_descriptor(), wake_watcher_, EPOLLIN | EPOLLET), "epoll_ctl for the inbox");
}

Reactor::~Reactor() = default;

void Reactor::start(MessageHandler& handler) {
  handler_ = &handler;
  thread_ = std::thread([this] { run(); });
}

void Reactor::join() {
  if (thread_.joinable()) thread_.join();
}

void Reactor::run() {
  pthread_setname_np(pthread_self(), ("reactor " + std::to_string(id_.value)).c_str());
  {
    const OnReactor here(*this);
    handler_->on_start(here);
  }
  again_ = true;
  while (!stopping_) {
    find_work();
    const OnReactor here(*this);
    turn(here);
  }
  repeats_.tell_all();
  quiescence_.offline(id_);
}

bool Reactor::may_log(const OnReactor& here, std::string_view cause, std::string_view host) {
  if (repeats_.allow(here.now(), cause, host)) return true;
  if (!repeats_timer_.armed()) timers_.arm(repeats_timer_, *repeats_.next());
  return false;
}

void Reactor::RepeatsTimer::due(const OnReactor& here) {
  reactor_.repeats_.tell(here.now());
  if (const auto soonest = reactor_.repeats_.next()) reactor_.timers_.arm(*this, *soonest);
}

/// Every turn begins here (docs/design.md, Quiescence).
void Reactor::enter() {
  if (!online_) {
    quiescence_.online(id_);
    inbox_.stay_awake();
    online_ = true;
  }
  now_ = std::chrono::steady_clock::now();
}

void Reactor::drain_inbox(const OnReactor& here) {
  for (int looks = 0; budget_ > 0;) {
    auto message = inbox_.take();
    if (!message) {
      if (inbox_.caught_up() || ++looks == kLooksMax) break;
      continue;
    }
    handler_->on_message(here, std::move(*message));
  }
  caught_up_ = inbox_.caught_up();
}

void Reactor::turn(const OnReactor& here) {
  again_ = false;
  handler_->on_leftovers(here);
  readiness_.dispatch(here);
  handler_->on_dispatched(here);
  drain_inbox(here);
  again_ |= handler_->on_leftovers(here);
  timers_.advance(now_);
  handler_->on_turn_end(here);
  turn_buffer_.end_turn();
  quiescence_.quiescent(id_);
  reclaiming_ = quiescence_.collect(id_);
  budget_ = kDeliveriesPerTurn;
}

// --- between turns: one system call, if there is work

void Reactor::find_work() {
  if (again_) {
    readiness_.wait(Milliseconds(0));
  } else if (!poll(std::max(poll_for_, busy_poll_))) {
    sleep();
  }
}

bool Reactor::poll(Nanoseconds time) {
  if (time.count() == 0) return false;
  const SteadyTime until = std::chrono::steady_clock::now() + time;
  do {
    ::sched_yield();  // to who shares this core: it may be about to send what is waited for
    if (readiness_.wait(Milliseconds(0)) || !inbox_.looks_empty()) return true;
  } while (std::chrono::steady_clock::now() < until);
  return false;
}

void Reactor::sleep() {
  if (!inbox_.fall_asleep()) {
    readiness_.wait(Milliseconds(0));
    return;
  }
  quiescence_.offline(id_);
  online_ = false;
  const SteadyTime from = std::chrono::steady_clock::now();
  SteadyTime wake = timers_.next().value_or(from + kSleepMax);
  if (reclaiming_) wake = std::min(wake, from + kReclaimEvery);
  readiness_.wait(std::clamp(std::chrono::ceil<Milliseconds>(wake - from), Milliseconds(0), kSleepMax));
  const bool short_sleep = std::chrono::steady_clock::now() - from <= kPollMax;
  poll_for_ = short_sleep ? std::clamp(poll_for_ * 2, kPollMin, kPollMax) : Nanoseconds(0);
}

}  // namespace bramble
