#include "tools/bench/progress.h"

#include <algorithm>
#include <utility>

namespace bramble::bench {

namespace {

double microseconds(std::chrono::nanoseconds time) { return std::chrono::duration<double, std::micro>(time).count(); }

/// Share of a CPU that the busiest thread used between two looks.
double busiest(const Load& before, const Load& after, double seconds) {
  double most = 0;
  for (const auto& [thread, cpu] : after.threads) {
    const auto earlier = before.threads.find(thread);
    const auto used = earlier == before.threads.end() ? cpu : cpu - earlier->second;
    most = std::max(most, used.count() / seconds);
  }
  return std::min(most, 1.0);
}

/// A scenario that does one thing after the other counts each from 0.
double risen(std::uint64_t before, std::uint64_t now) { return static_cast<double>(now < before ? now : now - before); }

double machine_busy(const Load& before, const Load& after) {
  const double all = after.machine_ticks - before.machine_ticks;
  return all > 0 ? 1 - (after.idle_ticks - before.idle_ticks) / all : 0;
}

}  // namespace

Progress::Progress(int broker_pid, std::vector<Viewer*> viewers)
    : broker_pid_(broker_pid), viewers_(std::move(viewers)) {}

void Progress::begin(SteadyTime now) {
  start_ = last_ = now;
  next_ = now + Seconds(1);
  before_ = {};
  load_before_ = load();
  broker_before_ = process_use(broker_pid_);
}

void Progress::tell(SteadyTime now, std::string_view phase, SteadyTime until, Counts counts) {
  const double seconds = std::chrono::duration<double>(now - last_).count();
  const Histogram latency = counts.latency.since(before_.latency);
  Load used = load();
  const auto broker = process_use(broker_pid_);
  Second second{.at = std::chrono::duration<double>(now - start_).count(),
                .phase = std::string(phase),
                .in_per_s = risen(before_.in, counts.in) / seconds,
                .out_per_s = risen(before_.out, counts.out) / seconds,
                .p50_us = microseconds(latency.percentile(0.5)),
                .p99_us = microseconds(latency.percentile(0.99)),
                .connected = counts.connected,
                .busiest_thread = busiest(load_before_, used, seconds),
                .machine_busy = machine_busy(load_before_, used),
                .open_files = used.open_files};
  if (broker && broker_before_) {
    second.broker_cores = (broker->cpu - broker_before_->cpu).count() / seconds;
    second.broker_mb = broker->resident_bytes / (1 << 20);
  }
  if (seconds_.size() == kSecondsMax) seconds_.erase(seconds_.begin());
  seconds_.push_back(std::move(second));
  last_ = now;
  next_ = now + Seconds(1);
  before_ = std::move(counts);
  load_before_ = std::move(used);
  broker_before_ = broker;

  Moment moment{.phase = phase, .elapsed = seconds_.back().at, .remaining = {}, .counts = before_, .seconds = seconds_};
  if (until != SteadyTime::max()) moment.remaining = std::max(std::chrono::duration<double>(until - now).count(), 0.0);
  for (Viewer* viewer : viewers_) viewer->show(moment);
}

}  // namespace bramble::bench
