#pragma once

#include <string_view>
#include <vector>

#include "tools/bench/publisher.h"
#include "tools/bench/scenario.h"
#include "tools/bench/subscriber.h"

namespace bramble::bench {

struct FlowSample;

/// What happens to the broker while messages flow, after they were measured undisturbed.
/// Threads: the main thread.
class Disturbance {
 public:
  virtual ~Disturbance() = default;
  virtual std::string_view name() const = 0;
  /// The samples are of the time that was measured.
  virtual void begin(const FlowSample& before, const FlowSample& after) = 0;
  /// Asked every few milliseconds.
  virtual bool over() = 0;
  /// `latency`: of the messages that should have left between begin() and over().
  virtual void ended(const Histogram& latency) = 0;
};

/// Who sends and who receives in a scenario in which messages flow.
struct FlowPlan {
  std::string_view scenario;
  std::vector<PublisherPlan> publishers{};     ///< none: they are in another process
  std::vector<SubscriberPlan> subscribers{};   ///< none: they are in another process
  std::shared_ptr<const DeviceField> field{};  ///< see FlowState
  bool shared = false;                         ///< the subscribers are one group: each message goes to one of them
  Disturbance* disturbance = nullptr;          ///< none: nothing but the flow
  bool shared_by_parts = false;                ///< the publishers, all in part 0, are heard in every part (see Team)
};

/// What a subscriber's client id has behind the prefix.
std::string subscriber_name(std::size_t i);

/// The topic of publisher `i` of a plan with so many subscribers: `otherwise` behind the prefix, if the options' topic
/// is no template.
std::string publisher_topic(const Options& options, std::size_t subscribers, std::size_t i,
                            const std::string& otherwise);

/// Publishers with a topic and a subscriber of their own.
void add_pairs(FlowPlan& plan, const Options& options, std::uint32_t pairs);

/// Connects everybody, lets the messages flow for the time asked for, and reports rate, latency, the broker's CPU time
/// and what was lost, doubled or reordered.  Threads: the main thread.
void run_flow(Run run, FlowPlan plan);

}  // namespace bramble::bench
