#pragma once

#include <memory>
#include <vector>

#include "tools/bench/flow_state.h"
#include "tools/bench/publisher.h"
#include "tools/bench/subscriber.h"

namespace bramble::bench {

/// The publishers and subscribers of one worker, and when they send.
/// Threads: its worker's once the engine runs (but see Lane).
class FlowWorker final : public Task {
 public:
  FlowWorker(FlowState& state, Engine& engine, std::size_t index, const Endpoint& broker);

  void add_subscriber(SubscriberPlan plan, LoadClient::Settings settings);
  void add_publisher(PublisherPlan plan, std::uint32_t index, LoadClient::Settings settings);

  const Lane& lane() const { return lane_; }
  const std::vector<std::unique_ptr<Publisher>>& publishers() const { return publishers_; }
  const std::vector<std::unique_ptr<Subscriber>>& subscribers() const { return subscribers_; }

  SteadyTime turn(SteadyTime now) override;
  void after_io() override;

 private:
  SteadyTime pump(SteadyTime now);
  void ask_if_read();
  void start_schedule();
  SteadyTime pace(SteadyTime now);

  FlowState& state_;
  Engine& engine_;
  const std::size_t index_;
  Lane lane_;
  std::vector<std::unique_ptr<Publisher>> publishers_;
  std::vector<std::unique_ptr<Subscriber>> subscribers_;
  std::uint64_t delivered_before_ = 0;
  bool asked_if_read_ = false;

  // Open loop: this worker's part of the rate, its publishers taking turns.
  SteadyTime::duration period_{};
  SteadyTime next_due_{};
  std::size_t next_publisher_ = 0;
  std::vector<Publisher*> behind_;  ///< owe messages
};

}  // namespace bramble::bench
