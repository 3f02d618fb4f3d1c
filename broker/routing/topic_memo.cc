#include "broker/routing/topic_memo.h"

#include <algorithm>
#include <cstring>

namespace bramble {

Result<TopicName> TopicMemo::check_name(std::string_view topic) const {
  return holds(topic) ? TopicName(topic) : TopicName::parse(topic);
}

Result<TopicMemo::Resolved> TopicMemo::resolve(const SubscriptionTable& table, std::string_view topic,
                                               Matches& scratch) {
  const bool known = holds(topic);
  if (known && table.current(versions_)) {
    return Resolved{TopicName(topic), {filters_.data(), count_}};
  }
  const Result<TopicName> name = check_name(topic);
  if (!name) return Failure(name.error());
  const auto versions = table.versions(*name);  // before the match: what changes meanwhile makes them old
  table.match(*name, scratch);
  if (topic.size() <= kTopicMax && scratch.size() <= kFiltersMax) {
    versions_ = versions;
    size_ = static_cast<std::uint16_t>(topic.size());
    count_ = static_cast<std::uint8_t>(scratch.size());
    std::copy(scratch.begin(), scratch.end(), filters_.begin());
    if (!known) std::memcpy(topic_.data(), topic.data(), topic.size());
  } else {
    size_ = 0;
  }
  return Resolved{*name, {scratch.begin(), scratch.end()}};
}

}  // namespace bramble
