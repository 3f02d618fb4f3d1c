#include "tools/bench/flow_worker.h"

#include <algorithm>

namespace bramble::bench {

FlowWorker::FlowWorker(FlowState& state, Engine& engine, std::size_t index, const Endpoint& broker)
    : state_(state), engine_(engine), index_(index), lane_(state, engine.worker(index), broker) {}

void FlowWorker::add_subscriber(SubscriberPlan plan, LoadClient::Settings settings) {
  settings.filters = plan.filters;
  subscribers_.push_back(std::make_unique<Subscriber>(lane_, std::move(plan), std::move(settings)));
  lane_.connector.add(subscribers_.back()->client());
}

void FlowWorker::add_publisher(PublisherPlan plan, std::uint32_t index, LoadClient::Settings settings) {
  publishers_.push_back(std::make_unique<Publisher>(lane_, std::move(plan), index, std::move(settings)));
  lane_.connector.add(publishers_.back()->client());
}

SteadyTime FlowWorker::turn(SteadyTime now) {
  if (!lane_.connector.all_opened()) return lane_.connector.turn(now, [](std::size_t, SteadyTime) {});
  const auto phase = state_.phase.load(std::memory_order_acquire);  // pairs with FlowRun, which wrote the times before
  if (phase == FlowState::Phase::draining) ask_if_read();
  if (phase != FlowState::Phase::running || publishers_.empty()) return SteadyTime::max();
  return state_.options.rate > 0 ? pace(now) : pump(now);
}

SteadyTime FlowWorker::pump(SteadyTime now) {
  if (engine_.size() > 1) {
    state_.hunger[index_].waits.store(true, std::memory_order_relaxed);
    // Pairs with the fence in after_io: either we see the delivery's credit below, or they see that we wait.
    std::atomic_thread_fence(std::memory_order_seq_cst);
  }
  bool more = false;
  for (const auto& publisher : publishers_) more |= publisher->send_batch(now);
  return more ? now : SteadyTime::max();
}

void FlowWorker::after_io() {
  const std::uint64_t delivered = lane_.delivered.get();
  if (engine_.size() == 1 || delivered == delivered_before_) return;
  delivered_before_ = delivered;
  std::atomic_thread_fence(std::memory_order_seq_cst);  // pairs with the one in pump
  for (std::size_t i = 0; i < engine_.size(); ++i) {
    auto& waits = state_.hunger[i].waits;
    if (i != index_ && waits.load(std::memory_order_relaxed) && waits.exchange(false)) engine_.worker(i).wake();
  }
}

void FlowWorker::ask_if_read() {
  if (asked_if_read_ || !state_.times_acks) return;
  asked_if_read_ = true;
  for (const auto& publisher : publishers_) publisher->ask_if_read();
}

void FlowWorker::start_schedule() {
  // Message k of the whole run is publisher k % P's, due k / rate after the start.
  const double rate = state_.options.rate;
  const auto all = static_cast<double>(state_.credits.size());
  const auto ours = static_cast<double>(publishers_.size());
  const auto nanoseconds = [](double seconds) {
    return SteadyTime::duration(static_cast<SteadyTime::rep>(seconds * 1e9));
  };
  period_ = nanoseconds(all / ours / rate);
  next_due_ = state_.start + nanoseconds(static_cast<double>(index_) / rate);
  SteadyTime due = next_due_;
  for (const auto& publisher : publishers_) {
    publisher->schedule(due, period_ * static_cast<SteadyTime::rep>(publishers_.size()));
    due += period_;
  }
}

SteadyTime FlowWorker::pace(SteadyTime now) {
  if (period_.count() == 0) start_schedule();
  for (; next_due_ <= now; next_due_ += period_) {
    Publisher& publisher = *publishers_[next_publisher_];
    next_publisher_ = (next_publisher_ + 1) % publishers_.size();
    if (publisher.overdue() == 0) behind_.push_back(&publisher);
    publisher.owe_one();
  }
  std::erase_if(behind_, [now](Publisher* publisher) { return publisher->send_owed(now); });
  return next_due_;
}

}  // namespace bramble::bench
