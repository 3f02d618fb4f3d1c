#pragma once

#include <string>
#include <unordered_map>

#include "broker/shard.h"

namespace bramble {

/// Some filters and $share groups, found on the reactor that is to look for their subscribers, and those subscriptions
/// of a session that are to one of them.  Threads: one reactor's.
class WantedFilters {
 public:
  struct Wanted {
    std::string filter;
    std::string share;  ///< empty: not shared
  };

  /// All that this topic matches.
  void find_for_topic(const SubscriptionTable& table, TopicName topic);
  /// This one alone.
  void find_filter(const Sessions& sessions, const TopicFilter& filter);

  /// Calls visit(const Wanted&, const Subscriber&) for each; what is wanted stays where it is. Gives the cost: as many
  /// look-ups as there are filters, or subscriptions of the session if those are fewer.
  template <class Visit>
  std::size_t each(const ShardParts& parts, const OwnedSession& session, Visit visit) const {
    if (wanted_.size() <= session.subscriptions.size()) {
      for (const auto& [id, wanted] : wanted_) {
        if (const Subscriber* const found = parts.subscribers.find(id, &session)) visit(wanted, *found);
      }
      return wanted_.size();
    }
    session.subscriptions.each([&](const SessionSubscription& subscription) {
      const auto wanted = wanted_.find(subscription.id());
      if (wanted == wanted_.end()) return;
      if (const Subscriber* const found = parts.subscribers.find(wanted->first, &session))
        visit(wanted->second, *found);
    });
    return session.subscriptions.size();
  }

 private:
  std::unordered_map<FilterId, Wanted> wanted_;
};

}  // namespace bramble
