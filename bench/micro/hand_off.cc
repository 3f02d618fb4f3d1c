#include <atomic>
#include <benchmark/benchmark.h>
#include <memory>
#include <thread>

#include "broker/reactor/mesh.h"
#include "core/sync/mpsc_queue.h"

// From one reactor to another: the queue, the inbox around it, and the wake of who sleeps.

namespace bramble {

namespace {

/// In one thread: what the instructions cost, without the way of a cache line between cores.
void queue_in_one_thread(benchmark::State& state) {
  MpscQueue<std::uint64_t> queue(1);
  const std::int64_t batch = state.range(0);
  for (auto _ : state) {
    for (std::int64_t i = 0; i < batch; ++i) queue.push(0, static_cast<std::uint64_t>(i));
    for (std::int64_t i = 0; i < batch; ++i) benchmark::DoNotOptimize(queue.pop());
  }
  state.SetItemsProcessed(state.iterations() * batch);
}
BENCHMARK(queue_in_one_thread)->Arg(1)->Arg(16)->Arg(256);

/// From another thread, which is at most 1024 ahead. Real time: both cores work.
void queue_between_threads(benchmark::State& state) {
  MpscQueue<std::uint64_t> queue(1);
  std::atomic<std::uint64_t> taken{0};
  std::atomic<bool> done{false};
  std::thread producer([&] {
    for (std::uint64_t pushed = 0; !done.load(std::memory_order_relaxed);) {
      if (pushed - taken.load(std::memory_order_relaxed) < 1024) {
        queue.push(0, pushed++);
      } else {
        std::this_thread::yield();
      }
    }
  });
  std::uint64_t count = 0;
  for (auto _ : state) {
    while (!queue.pop()) std::this_thread::yield();
    if (++count % 64 == 0) taken.store(count, std::memory_order_relaxed);
  }
  done = true;
  producer.join();
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(queue_between_threads)->UseRealTime();

/// A turn's Handoff into the inbox of a reactor that is awake, and out of it.
void inbox(benchmark::State& state) {
  Inbox box(1, 1 << 20);
  auto handoff = std::make_unique<Handoff>();
  handoff->bytes = 1'000;
  for (auto _ : state) {
    box.post(ReactorId{0}, std::move(handoff));
    auto message = box.take();
    handoff = std::move(std::get<std::unique_ptr<Handoff>>(*message));
    box.done(*handoff, SteadyTime{});
  }
}
BENCHMARK(inbox);

/// The post that finds the owner asleep: it writes to an eventfd that nobody waits for.
void inbox_asleep(benchmark::State& state) {
  Inbox box(1, 1 << 20);
  for (auto _ : state) {
    benchmark::DoNotOptimize(box.fall_asleep());
    box.post(ReactorId{0}, InboxEased{});
    benchmark::DoNotOptimize(box.take());
  }
}
BENCHMARK(inbox_asleep);

/// Counts what it is told; asleep in between.
class Sleeper final : public MessageHandler {
 public:
  void on_start(const OnReactor&) override {}
  void on_message(const OnReactor& here, Message message) override {
    if (std::holds_alternative<Stop>(message)) return here.reactor().stop(here);
    heard.fetch_add(1, std::memory_order_release);
    heard.notify_one();
  }
  void on_dispatched(const OnReactor&) override {}
  bool on_leftovers(const OnReactor&) override { return false; }
  void on_turn_end(const OnReactor&) override {}

  std::atomic<std::uint64_t> heard{0};
};

/// A message to a reactor, until it has handled it, `pause` after the one before: longer than it polls, and it sleeps.
void wake_up(benchmark::State& state, Nanoseconds pause) {
  Quiescence quiescence{1};
  Counters counters{1};
  Mesh mesh{1, 1 << 20, quiescence, counters};
  Sleeper sleeper;
  MessageHandler* const handlers[] = {&sleeper};
  mesh.start(handlers);
  std::uint64_t sent = 0;
  for (auto _ : state) {
    SteadyTime from = std::chrono::steady_clock::now();
    for (const SteadyTime until = from + pause; from < until;) from = std::chrono::steady_clock::now();
    mesh[0].inbox().post(InboxEased{});
    ++sent;
    for (auto seen = sleeper.heard.load(std::memory_order_acquire); seen != sent;
         seen = sleeper.heard.load(std::memory_order_acquire)) {
      sleeper.heard.wait(seen, std::memory_order_acquire);
    }
    state.SetIterationTime(std::chrono::duration<double>(std::chrono::steady_clock::now() - from).count());
  }
  mesh.stop();
}
BENCHMARK_CAPTURE(wake_up, asleep, Nanoseconds(200'000))->UseManualTime();
BENCHMARK_CAPTURE(wake_up, polling, Nanoseconds(0))->UseManualTime();

}  // namespace

}  // namespace bramble
