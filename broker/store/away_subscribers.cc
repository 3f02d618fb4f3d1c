#include "broker/store/away_subscribers.h"

#include <tuple>

#include "core/topic/match.h"
#include "core/topic/topic.h"

namespace bramble {

namespace {

/// Subscriptions that one message is queued by once.
using Once = std::tuple<std::string_view, std::uint64_t, std::uint32_t>;  // group; or else client and identifier

Once once(const KeptSubscription& subscription, bool shared) {
  if (shared) return {subscription.filter, 0, 0};
  return {{}, subscription.session.value, subscription.subscription_identifier};
}

}  // namespace

AwaySubscribers::AwaySubscribers(const std::vector<KeptSubscription>& subscriptions) {
  for (const KeptSubscription& each : subscriptions) {
    const auto filter = TopicFilter::parse(each.filter);
    if (!filter || each.qos == mqtt::Qos::at_most_once) continue;
    if (filter->has_wildcards()) {
      with_wildcards_.emplace_back(filter->filter(), &each);
    } else {
      by_filter_.emplace(filter->filter(), &each);
    }
  }
}

std::vector<const KeptSubscription*> AwaySubscribers::of(std::string_view topic, SessionId publisher) {
  std::map<Once, const KeptSubscription*> found;
  const auto take = [&](std::string_view filter, const KeptSubscription& subscription) {
    const bool shared = filter.size() != subscription.filter.size();
    if (subscription.no_local && subscription.session == publisher) return;
    const auto [place, is_new] = found.emplace(once(subscription, shared), &subscription);
    if (!is_new && !shared && subscription.qos > place->second->qos) place->second = &subscription;
  };
  const auto [first, end] = by_filter_.equal_range(topic);
  for (auto at = first; at != end && !given_up(); ++at, ++looked_) take(at->first, *at->second);
  for (const auto& [filter, subscription] : with_wildcards_) {
    if (given_up()) break;
    ++looked_;
    if (matches(filter, topic)) take(filter, *subscription);
  }
  std::vector<const KeptSubscription*> all;
  found_ += found.size();
  if (given_up()) return all;
  all.reserve(found.size());
  for (const auto& [key, subscription] : found) all.push_back(subscription);
  return all;
}

}  // namespace bramble
