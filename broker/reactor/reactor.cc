#include "broker/reactor/reactor.h"

#include <asio/post.hpp>
#include <pthread.h>
#include <string>
#include <sys/epoll.h>

#include "core/base/check.h"

namespace bramble {

namespace {
constexpr int kRoundsPerWake = 4;
constexpr Seconds kReclaimEvery{1};
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
                 ReactorCounters& counters)
    : id_(id),
      quiescence_(quiescence),
      counters_(counters),
      io_(ASIO_CONCURRENCY_HINT_UNSAFE_IO),
      ready_descriptor_(io_, readiness_.descriptor()),
      alarm_(io_),
      inbox_(reactors, inbox_level_bytes),
      timers_(std::chrono::steady_clock::now()),
      read_buffer_(new char[kReadBytes]) {
  check(readiness_.add(inbox_.wake_descriptor(), wake_watcher_, EPOLLIN | EPOLLET), "epoll_ctl for the inbox");
}

Reactor::~Reactor() { ready_descriptor_.release(); }  // Readiness closes it

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
    wait_ready();
    post_turn_end();
  }
  io_.run();
  if (online_) quiescence_.offline(id_);
}

/// Every handler begins here (docs/design.md, Quiescence): io_context::run blocks and runs the first handler in one go,
/// so there is no other place between the wait and our code.
void Reactor::enter() {
  if (!online_) {
    quiescence_.online(id_);
    inbox_.stay_awake();
    online_ = true;
  }
  now_ = std::chrono::steady_clock::now();
}

void Reactor::wait_ready() {
  ready_descriptor_.async_wait(asio::posix::descriptor_base::wait_read, [this](const std::error_code& error) {
    if (!error) on_ready();
  });
}

void Reactor::on_ready() {
  const OnReactor here(*this);
  if (handler_->on_leftovers(here)) worked_ = true;
  for (int round = 0; round < kRoundsPerWake; ++round) {
    const int events = readiness_.dispatch(here);
    if (events > 0) worked_ = true;
    if (events < Readiness::kEventsMax) break;
  }
  wait_ready();
  post_turn_end();
}

void Reactor::drain_inbox(const OnReactor& here) {
  for (int looks = 0; budget_ > 0;) {
    auto message = inbox_.take();
    if (!message) {
      if (inbox_.caught_up() || ++looks == kLooksMax) break;
      continue;
    }
    worked_ = true;
    handler_->on_message(here, std::move(*message));
  }
  caught_up_ = inbox_.caught_up();
}

void Reactor::post_turn_end() {
  if (turn_end_posted_) return;
  turn_end_posted_ = true;
  asio::post(io_, [this] { end_turn(); });  // runs after the handlers that epoll has made ready
}

void Reactor::end_turn() {
  const OnReactor here(*this);
  turn_end_posted_ = false;
  drain_inbox(here);
  if (handler_->on_leftovers(here)) worked_ = true;
  timers_.advance(now_);
  handler_->on_turn_end(here);
  quiescence_.quiescent(id_);
  reclaiming_ = quiescence_.collect(id_);
  budget_ = kDeliveriesPerTurn;
  if (stopping_) return io_.stop();
  if (std::exchange(worked_, false)) {
    post_turn_end();
  } else {
    sleep(here);
  }
}

void Reactor::sleep(const OnReactor&) {
  if (!inbox_.fall_asleep()) return post_turn_end();
  SteadyTime wake = timers_.next().value_or(SteadyTime::max());
  if (reclaiming_) wake = std::min(wake, now_ + kReclaimEvery);
  if (wake < alarm_at_) wake_at(wake);
  quiescence_.offline(id_);
  online_ = false;
}

void Reactor::wake_at(SteadyTime when) {
  alarm_at_ = when;
  alarm_.expires_at(when);
  alarm_.async_wait([this](const std::error_code& error) {
    if (error) return;  // replaced by an earlier one
    const OnReactor here(*this);
    alarm_at_ = SteadyTime::max();
    post_turn_end();
  });
}

}  // namespace bramble
