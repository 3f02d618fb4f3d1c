#pragma once

#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "tools/bench/flow_state.h"
#include "tools/bench/load_client.h"
#include "tools/bench/sequence.h"

namespace bramble::bench {

/// The publishers that a subscriber is to hear: `first`, `first + step` and so on, `count` of them. With a DeviceField
/// these are the numbers of its filters.
struct Hears {
  std::uint32_t first = 0;
  std::uint32_t step = 1;
  std::uint32_t count = 0;

  std::optional<std::size_t> index_of(std::uint32_t publisher) const;
  std::uint32_t number(std::size_t index) const { return first + static_cast<std::uint32_t>(index) * step; }
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
  /// Without what is told by the group, if it is in one. `sent`: by stream, how many messages there were; empty if that
  /// is not known.
  Tally tally(const std::vector<std::uint64_t>& sent) const;
  std::uint64_t misrouted() const { return misrouted_; }  ///< from a publisher that it is not to hear
  std::uint64_t foreign() const { return foreign_; }      ///< not a message of this run
  std::uint64_t stored() const { return stored_; }        ///< with RETAIN set: from before this run, so not checked

  void on_ready(LoadClient&, SteadyTime) override;
  void on_delivery(LoadClient&, const mqtt::Publish&, SteadyTime) override;
  void on_closed(LoadClient&) override;

 private:
  void on_stamped(const Stamp& stamp, SteadyTime now);
  void follow(SequenceChecker& stream, std::uint64_t sequence);
  void on_unstamped();
  bool belongs(const Stamp& stamp) const;
  /// Whether it is to hear that message; if so, it is noted.
  bool hears(const Stamp& stamp);
  bool hears_stranger(const Stamp& stamp);
  void note(std::size_t index, const Stamp& stamp);
  std::uint32_t stream(std::size_t index) const;
  void credit(std::uint32_t stream);

  Lane& lane_;
  const Hears hears_;
  LoadClient client_;
  std::vector<SequenceChecker> streams_;                          ///< one for each stream that it hears
  std::vector<SharedOrder> orders_;                               ///< instead, if it shares the streams with others
  std::unordered_map<std::uint64_t, SequenceChecker> strangers_;  ///< by run and publisher, if those are not known
  std::uint64_t unstamped_ = 0;
  std::uint64_t misrouted_ = 0;
  std::uint64_t foreign_ = 0;
  std::uint64_t stored_ = 0;
};

}  // namespace bramble::bench
