#pragma once

#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "tools/bench/flow_state.h"
#include "tools/bench/load_client.h"
#include "tools/bench/sequence.h"

namespace bramble::bench {

/// The publishers that a subscriber is to hear: `first`, `first + step` and so on, `count` of them.
struct Hears {
  std::uint32_t first = 0;
  std::uint32_t step = 1;
  std::uint32_t count = 0;

  std::optional<std::size_t> index_of(std::uint32_t publisher) const;
  std::uint32_t publisher(std::size_t index) const { return first + static_cast<std::uint32_t>(index) * step; }
};

struct SubscriberPlan {
  std::vector<std::string> filters{};
  Hears hears{};
};

/// One client that receives, and follows each publisher's sequence numbers.
/// Threads: its worker's.
class Subscriber final : public ClientEvents {
 public:
  Subscriber(Lane& lane, SubscriberPlan plan, LoadClient::Settings settings);

  LoadClient& client() { return client_; }
  /// `sent`: by publisher, how many messages there were; empty if that is not known.
  Tally tally(const std::vector<std::uint64_t>& sent) const;
  std::uint64_t misrouted() const { return misrouted_; }  ///< from a publisher that it is not to hear
  std::uint64_t foreign() const { return foreign_; }      ///< not a message of this run
  std::uint64_t stored() const { return stored_; }        ///< with RETAIN set: from before this run, so not checked

  void on_ready(LoadClient&, SteadyTime) override;
  void on_delivery(LoadClient&, const mqtt::Publish&, SteadyTime) override;
  void on_closed(LoadClient&) override;

 private:
  void on_stamped(const Stamp& stamp, SteadyTime now);
  void on_unstamped();
  bool belongs(const Stamp& stamp) const;
  SequenceChecker* stream_of(const Stamp& stamp);
  void credit(std::uint32_t publisher);

  Lane& lane_;
  const Hears hears_;
  LoadClient client_;
  std::vector<SequenceChecker> streams_;                          ///< one for each publisher that it hears
  std::unordered_map<std::uint64_t, SequenceChecker> strangers_;  ///< by run and publisher, if those are not known
  std::uint64_t unstamped_ = 0;
  std::uint64_t misrouted_ = 0;
  std::uint64_t foreign_ = 0;
  std::uint64_t stored_ = 0;
};

}  // namespace bramble::bench
