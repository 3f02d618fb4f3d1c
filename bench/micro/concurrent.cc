#include <atomic>
#include <benchmark/benchmark.h>
#include <string>
#include <thread>

#include "bench/micro/million_filters.h"

// Matching while filters come and go on another thread, and the other way round. A million filters beside them.

namespace bramble {

namespace {

constexpr ReactorId kMatcher{0};
constexpr ReactorId kChanger{1};
constexpr std::uint64_t kStepsATurn = 64;

/// Does `step` again and again on a thread of its own, as the reactor `id`, until it goes.
class Beside {
 public:
  template <class Step>
  Beside(ReactorId id, Step step)
      : thread_([this, id, step] {
          Quiescence& quiescence = MillionFilters::instance().quiescence();
          quiescence.online(id);
          for (std::uint64_t i = 0; !done_.load(std::memory_order_relaxed); ++i) {
            step(i);
            if (i % kStepsATurn == 0) {
              quiescence.quiescent(id);
              quiescence.collect(id);
            }
            steps_.store(i + 1, std::memory_order_relaxed);
          }
          quiescence.offline(id);
        }) {
    while (steps_.load(std::memory_order_relaxed) == 0) std::this_thread::yield();
  }
  ~Beside() {
    done_ = true;
    thread_.join();
  }
  Beside(const Beside&) = delete;
  double steps() const { return static_cast<double>(steps_.load(std::memory_order_relaxed)); }

 private:
  std::atomic<bool> done_{false};
  std::atomic<std::uint64_t> steps_{0};
  std::thread thread_;
};

void add_and_remove(std::uint64_t i, const char* end) {
  SubscriptionTable& table = MillionFilters::instance().table();
  const std::string text = "site/" + std::to_string(i % 1'000) + "/other/" + std::to_string(i) + end;
  table.remove(kChanger, table.add(kChanger, TopicFilter::parse(text).value()));
}

void match_one(std::uint64_t i, Matches& matches) {
  const std::string topic = MillionFilters::topic(i);
  MillionFilters::instance().table().match(TopicName::parse(topic).value(), matches);
}

/// A turn of kStepsATurn each, as reactors have them: what waits to be freed waits for both.
void match_while(benchmark::State& state, const char* end) {
  Quiescence& quiescence = MillionFilters::instance().quiescence();
  quiescence.online(kMatcher);
  const Beside changes(kChanger, [end](std::uint64_t i) { add_and_remove(i, end); });
  Matches matches;
  std::uint64_t i = 0;
  for (auto _ : state) {
    match_one(++i, matches);
    if (i % kStepsATurn == 0) quiescence.quiescent(kMatcher);
  }
  state.counters["changes/s"] = benchmark::Counter(2 * changes.steps(), benchmark::Counter::kIsRate);
}
BENCHMARK_CAPTURE(match_while, exact_filters_change, "")->UseRealTime();
BENCHMARK_CAPTURE(match_while, wildcard_filters_change, "/+")->UseRealTime();

void match_alone(benchmark::State& state) {
  Matches matches;
  std::uint64_t i = 0;
  for (auto _ : state) match_one(++i, matches);
}
BENCHMARK(match_alone)->UseRealTime();

/// A filter that nobody has yet, and its removal, while another reactor matches.
void subscribe_while_matching(benchmark::State& state, const char* end) {
  Quiescence& quiescence = MillionFilters::instance().quiescence();
  quiescence.online(kChanger);
  Matches matches;
  const Beside matching(kMatcher, [&matches](std::uint64_t i) { match_one(i, matches); });
  std::uint64_t i = 0;
  for (auto _ : state) {
    add_and_remove(++i, end);
    if (i % kStepsATurn != 0) continue;
    quiescence.quiescent(kChanger);
    quiescence.collect(kChanger);
  }
  quiescence.offline(kChanger);
  state.counters["matches/s"] = benchmark::Counter(matching.steps(), benchmark::Counter::kIsRate);
}
BENCHMARK_CAPTURE(subscribe_while_matching, exact, "")->UseRealTime();
BENCHMARK_CAPTURE(subscribe_while_matching, wildcard, "/+")->UseRealTime();

}  // namespace

}  // namespace bramble
