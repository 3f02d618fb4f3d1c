#include "broker/routing/topic_memo.h"

#include <algorithm>
#include <cstring>

namespace bramble {

Result<TopicMemo::Checked> TopicMemo::check(std::string_view topic) const {
  if (holds(topic)) return Checked{TopicName(topic), true};
  const auto name = TopicName::parse(topic);
  if (!name) return Failure(name.error());
  return Checked{*name, false};
}

std::span<Filter* const> TopicMemo::resolve(const SubscriptionTable& table, const Checked& topic, Matches& scratch) {
  if (topic.known && table.current(versions_)) return {filters_.data(), count_};
  const std::string_view text = topic.name.view();
  const auto versions = table.versions(topic.name);  // before the match: what changes meanwhile makes them old
  table.match(topic.name, scratch);
  if (text.size() <= kTopicMax && scratch.size() <= kFiltersMax) {
    versions_ = versions;
    size_ = static_cast<std::uint16_t>(text.size());
    count_ = static_cast<std::uint8_t>(scratch.size());
    std::copy(scratch.begin(), scratch.end(), filters_.begin());
    if (!topic.known) std::memcpy(topic_.data(), text.data(), text.size());
  } else {
    size_ = 0;
  }
  return {scratch.begin(), scratch.end()};
}

}  // namespace bramble
