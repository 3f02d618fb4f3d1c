#include "tests/stress/latency_probe.h"

#include <algorithm>

namespace bramble::testing {

LatencyProbe::LatencyProbe(const Broker& broker, const std::string& name)
    : port_(broker.port()), name_(name), thread_([this] {
        run();
        say_begun();
      }) {
  begun_.wait(false);
}

void LatencyProbe::run() {
  Swarm swarm(port_);
  Peer& from = swarm.open({.client_id = name_ + "-from"});
  Peer& to = swarm.open({.client_id = name_ + "-to"});
  if (!swarm.until([&] { return from.connected() && to.connected(); })) return;
  to.subscribe("probe/" + name_);
  if (!swarm.settle()) return;
  SteadyTime sent;
  to.on_message = [&](Peer&, const mqtt::Publish&) {
    const SteadyTime now = std::chrono::steady_clock::now();
    times_.push_back(now - sent);
    say_begun();
    sent = now;
    from.publish("probe/" + name_, "tick", 0);
  };
  sent = std::chrono::steady_clock::now();
  from.publish("probe/" + name_, "tick", 0);
  while (!stopping_.load(std::memory_order_relaxed) && from.connected() && to.connected()) swarm.turn();
  times_.push_back(std::chrono::steady_clock::now() - sent);  // the one under way
  if (!from.connected() || !to.connected()) times_.clear();
}

void LatencyProbe::say_begun() {
  begun_.store(true, std::memory_order_relaxed);
  begun_.notify_one();
}

void LatencyProbe::stop() {
  stopping_.store(true, std::memory_order_relaxed);  // the join orders the rest
  if (thread_.joinable()) thread_.join();
  std::sort(times_.begin(), times_.end());
}

double LatencyProbe::milliseconds(double quantile) const {
  if (times_.empty()) return 1e9;  // nothing came through at all
  const auto rank = static_cast<std::size_t>(quantile * static_cast<double>(times_.size() - 1));
  return std::chrono::duration<double, std::milli>(times_[rank]).count();
}

double LatencyProbe::milliseconds_at_any_time(double quantile) const {
  SteadyTime::duration all{}, until{};
  for (const auto time : times_) all += time;
  for (const auto time : times_) {
    until += time;
    if (until >= all * quantile) return std::chrono::duration<double, std::milli>(time).count();
  }
  return 1e9;  // nothing came through at all
}

double quiet_p99(const Broker& broker, Milliseconds time) {
  LatencyProbe probe(broker, "quiet");
  std::this_thread::sleep_for(time);
  probe.stop();
  return probe.milliseconds(0.99);
}

}  // namespace bramble::testing
