#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "core/base/time.h"
#include "tools/bench/device_field.h"
#include "tools/bench/engine.h"
#include "tools/bench/histogram.h"
#include "tools/bench/options.h"
#include "tools/bench/sequence.h"
#include "tools/bench/shared_group.h"

namespace bramble::bench {

/// A number that one thread counts up and any may read. Relaxed: nothing else is told by it.
class Count {
 public:
  void add(std::uint64_t more) { value_.store(get() + more, std::memory_order_relaxed); }
  std::uint64_t get() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

/// What all workers of a flow scenario share.
struct FlowState {
  enum class Phase { connecting, running, draining };

  struct alignas(64) Credit {
    std::atomic<std::uint64_t> delivered{0};  ///< of one publisher's messages, to whomever
  };
  struct alignas(64) Hunger {
    std::atomic<bool> waits{false};  ///< this worker sleeps, though deliveries elsewhere may give it room to send
  };

  FlowState(const Options& options_, std::size_t publishers, std::uint16_t run_)
      : options(options_), run(run_), stamped(options_.stamped()), credits(publishers), hunger(options_.threads) {}

  const Options& options;
  const std::uint16_t run;  ///< see Stamp
  const bool stamped;       ///< payloads carry a Stamp
  bool strangers = false;   ///< the publishers are in another process: who they are shows from their messages
  bool elsewhere = false;   ///< they are in another part of this run, with a clock of its own: nothing is timed
  bool times_acks = false;  ///< nobody of ours receives: latency is that of the acknowledgement

  std::shared_ptr<const DeviceField> field{};  ///< none: each publisher has one topic
  std::unique_ptr<SharedGroup> group{};        ///< all subscribers are its members; none: each hears for itself

  /// A stream is what a Stamp's sequence counts: the messages of one publisher, or to one device of the field.
  /// Publisher i of n has the streams i, i + n and so on.
  std::size_t streams() const { return field ? field->devices() : credits.size(); }

  std::vector<Credit> credits;  ///< by publisher
  void credit(Credit& publisher) const {
    if (options.threads == 1) {  // nobody else writes it: a third of the price
      publisher.delivered.store(publisher.delivered.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    } else {
      publisher.delivered.fetch_add(1, std::memory_order_relaxed);
    }
  }
  std::vector<Hunger> hunger;
  std::atomic<std::uint32_t> forgiven{0};  ///< how often all outstanding deliveries were given up
  std::atomic<std::uint32_t> ready{0};
  std::atomic<std::uint32_t> ended{0};

  // Written before `phase` becomes running (release); read after that was seen (acquire).
  SteadyTime start{};
  SteadyTime measure_from{};
  SteadyTime measure_until{};
  std::atomic<Phase> phase{Phase::connecting};

  bool measures(SteadyTime intended) const { return intended >= measure_from && intended < measure_until; }

  // From when to when the flow is disturbed (see Disturbance), set by the main thread as it happens; relaxed, as a
  // message at the edge may count on either side.
  std::atomic<SteadyTime> disturbed_from{SteadyTime::max()};
  std::atomic<SteadyTime> disturbed_until{SteadyTime::max()};

  bool disturbed(SteadyTime intended) const {
    return intended >= disturbed_from.load(std::memory_order_relaxed) &&
           intended < disturbed_until.load(std::memory_order_relaxed);
  }
};

/// What the publishers and subscribers of one worker share.
/// Threads: its worker's; any may read the counts and `arrivals`, and everything once the engine has stopped.
struct Lane {
  Lane(FlowState& state_, Worker& worker, const Endpoint& broker)
      : state(state_), connector(worker, broker, kHandshakesAtOnce, 0), payload(state_.options.payload()) {}

  static constexpr std::size_t kHandshakesAtOnce = 256;
  static constexpr auto kLate = std::chrono::milliseconds(1);

  FlowState& state;
  Connector connector;
  std::string payload;  ///< of the message that is being sent

  Count published;
  Count expected;  ///< deliveries that `published` is to lead to
  Count delivered;
  Count acknowledged;
  Count refused;  ///< acknowledged with a failure
  Count late;     ///< open loop: left more than kLate after their time
  Count missing;  ///< as far as is known while the run goes on: see Subscriber::tally for what is true
  Count duplicates;
  Count reordered;
  Count read;               ///< publishers of which the broker has read everything, as its PINGRESP says
  LiveHistogram arrivals;   ///< latency of all
  LiveHistogram measured;   ///< of those that should have left in the time that is measured
  LiveHistogram disturbed;  ///< of those that should have left while the flow was disturbed

  void arrived(SteadyTime intended, SteadyTime now) {
    const std::size_t bucket = Histogram::bucket_of(now - intended);
    arrivals.count(bucket);
    if (state.measures(intended)) measured.count(bucket);
    if (state.disturbed(intended)) disturbed.count(bucket);
  }
};

}  // namespace bramble::bench
