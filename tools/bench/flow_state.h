#pragma once

#include <atomic>
#include <random>
#include <string>
#include <vector>

#include "core/base/time.h"
#include "tools/bench/engine.h"
#include "tools/bench/histogram.h"
#include "tools/bench/options.h"
#include "tools/bench/sequence.h"

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

  FlowState(const Options& options_, std::size_t publishers)
      : options(options_),
        run(static_cast<std::uint16_t>(std::random_device()())),
        stamped(options_.payload_bytes >= Stamp::kBytes),
        credits(publishers),
        hunger(options_.threads) {}

  const Options& options;
  const std::uint16_t run;  ///< see Stamp
  const bool stamped;       ///< payloads are long enough to carry a Stamp
  bool strangers = false;   ///< the publishers are in another process: who they are shows from their messages
  bool times_acks = false;  ///< nobody of ours receives: latency is that of the acknowledgement

  std::vector<Credit> credits;
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
};

/// What the publishers and subscribers of one worker share.
/// Threads: its worker's; any may read the counts and `arrivals`, and everything once the engine has stopped.
struct Lane {
  Lane(FlowState& state_, Worker& worker, const Endpoint& broker)
      : state(state_), connector(worker, broker, kHandshakesAtOnce, 0), payload(state_.options.payload_bytes, 'x') {}

  static constexpr std::size_t kHandshakesAtOnce = 256;

  FlowState& state;
  Connector connector;
  std::string payload;  ///< of the message that is being sent

  Count published;
  Count expected;  ///< deliveries that `published` is to lead to
  Count delivered;
  Count acknowledged;
  Count refused;           ///< acknowledged with a failure
  Count read;              ///< publishers of which the broker has read everything, as its PINGRESP says
  LiveHistogram arrivals;  ///< latency of all
  LiveHistogram measured;  ///< of those that should have left in the time that is measured

  void arrived(SteadyTime intended, SteadyTime now) {
    arrivals.record(now - intended);
    if (state.measures(intended)) measured.record(now - intended);
  }
};

}  // namespace bramble::bench
