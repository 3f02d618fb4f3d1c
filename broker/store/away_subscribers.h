#pragma once

#include <cstdint>
#include <map>
#include <string_view>
#include <utility>
#include <vector>

#include "broker/store/kept.h"

namespace bramble {

/// Whose queue an imported message goes to: what the router does with a PUBLISH, for clients that are all away and
/// subscriptions that are in no table yet.  Threads: a value of one thread.
/// Lifetime: within that of the subscriptions, which stay where they are.
class AwaySubscribers {
 public:
  explicit AwaySubscribers(const std::vector<KeptSubscription>& subscriptions);

  /// By which subscriptions the message is to be queued: one of each group, and one of each client and Subscription
  /// Identifier, with the highest QoS. None with QoS 0: nothing is queued for these, and none with No Local of the
  /// publisher's own.
  /// Cost: O(1) for filters without wildcards, each of the others is looked at.
  std::vector<const KeptSubscription*> of(std::string_view topic, SessionId publisher);
  /// More was to be looked at, or found, than any file holds that Mosquitto has written: from then on it finds none.
  bool given_up() const { return looked_ > kLooksMax || found_ > kFoundMax; }

 private:
  static constexpr std::uint64_t kLooksMax = 50'000'000, kFoundMax = 1'000'000;

  std::multimap<std::string_view, const KeptSubscription*> by_filter_;  // share name taken off
  std::vector<std::pair<std::string_view, const KeptSubscription*>> with_wildcards_;
  std::uint64_t looked_ = 0, found_ = 0;
};

}  // namespace bramble
