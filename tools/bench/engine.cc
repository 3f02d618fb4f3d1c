#include "tools/bench/engine.h"

#include <algorithm>
#include <array>
#include <csignal>
#include <ctime>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>

#include "core/base/check.h"

namespace bramble::bench {

namespace {

constexpr auto kKeepAliveSweep = std::chrono::milliseconds(250);  // the shortest Keep Alive is 1 s, which allows 1.5

timespec wait_time(SteadyTime until, SteadyTime now) {
  const auto wait =
      std::clamp<SteadyTime::duration>(until - std::min(until, now), SteadyTime::duration::zero(), kKeepAliveSweep);
  const auto whole = std::chrono::duration_cast<std::chrono::seconds>(wait);
  return {.tv_sec = whole.count(), .tv_nsec = std::chrono::nanoseconds(wait - whole).count()};
}

}  // namespace

Worker::Worker() : epoll_(::epoll_create1(EPOLL_CLOEXEC)), wake_up_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  check(static_cast<bool>(epoll_) && static_cast<bool>(wake_up_), "no descriptor left for a worker");
  epoll_event event{.events = EPOLLIN, .data = {.ptr = nullptr}};
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, wake_up_.get(), &event);
}

void Worker::open(LoadClient& client, const Endpoint& broker) {
  if (client.idle()) clients_.push_back(&client);
  client.open(broker, epoll_.get());
}

void Worker::run(Task& task) {
  ::prctl(PR_SET_TIMERSLACK, 1'000);                  // ns: the default of 50 us would show in open-loop latencies
  while (!ending_.load(std::memory_order_relaxed)) {  // pairs with end(), which wakes us after
    turn(task);
  }
}

void Worker::turn(Task& task) {
  const SteadyTime now = std::chrono::steady_clock::now();
  keep_alive(now);
  wait_and_handle(std::min(task.turn(now), next_keep_alive_), task);
}

void Worker::wait_and_handle(SteadyTime until, Task& task) {
  std::array<epoll_event, 256> events;
  const timespec wait = wait_time(until, std::chrono::steady_clock::now());
  const int count = ::epoll_pwait2(epoll_.get(), events.data(), static_cast<int>(events.size()), &wait, nullptr);
  for (int i = 0; i < count; ++i) {
    const epoll_event& event = events[static_cast<std::size_t>(i)];
    if (event.data.ptr == nullptr) {
      eventfd_t times = 0;
      ::eventfd_read(wake_up_.get(), &times);
    } else {
      static_cast<LoadClient*>(event.data.ptr)->on_io(event.events, scratch_);
    }
  }
  if (count > 0) task.after_io();
}

void Worker::keep_alive(SteadyTime now) {
  if (now < next_keep_alive_) return;
  next_keep_alive_ = now + kKeepAliveSweep;
  for (LoadClient* client : clients_) client->keep_alive(now);
}

void Worker::wake() { ::eventfd_write(wake_up_.get(), 1); }

void Worker::end() {
  ending_.store(true, std::memory_order_relaxed);
  wake();
}

Connector::Connector(Worker& worker, const Endpoint& broker, std::size_t at_once, double a_second)
    : worker_(worker),
      broker_(broker),
      at_once_(at_once),
      period_(a_second > 0 ? static_cast<SteadyTime::rep>(1e9 / a_second) : 0) {}

Engine::Engine(unsigned threads) {
  for (unsigned i = 0; i < threads; ++i) workers_.push_back(std::make_unique<Worker>());
}

void Engine::start(std::size_t i, Task& task) {
  threads_.emplace_back([&worker = *workers_[i], &task] { worker.run(task); });
}

void Engine::wake_all() {
  for (const auto& worker : workers_) worker->wake();
}

void Engine::stop() {
  for (const auto& worker : workers_) worker->end();
  for (auto& thread : threads_) thread.join();
  threads_.clear();
}

Interrupts::Interrupts() {
  sigemptyset(&signals_);
  sigaddset(&signals_, SIGINT);
  sigaddset(&signals_, SIGTERM);
  ::pthread_sigmask(SIG_BLOCK, &signals_, &mask_before_);
}

Interrupts::~Interrupts() { ::pthread_sigmask(SIG_SETMASK, &mask_before_, nullptr); }

bool Interrupts::sleep_until(SteadyTime until) {
  if (asked_) {
    asked_ = false;
    return seen_ = true;
  }
  const auto wait = std::max(until - std::chrono::steady_clock::now(), SteadyTime::duration::zero());
  const auto whole = std::chrono::duration_cast<std::chrono::seconds>(wait);
  const timespec time{.tv_sec = whole.count(), .tv_nsec = std::chrono::nanoseconds(wait - whole).count()};
  if (::sigtimedwait(&signals_, nullptr, &time) <= 0) return false;
  return seen_ = seen_signal_ = true;
}

}  // namespace bramble::bench
