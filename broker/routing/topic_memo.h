#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

#include "core/topic/subscription_table.h"

namespace bramble {

/// The last topic one connection published to, resolved: clients publish to the same topic again and again, and then
/// the UTF-8 check, the hash and the match are one comparison (3 ns against 27 and 650).
/// Pointers are followed only after the versions matched in the same turn; reactor bits are read afresh from the filter
/// each time (docs/design.md, Memo).  Threads: the connection's reactor.
class TopicMemo {
 public:
  struct Checked {
    TopicName name;
    bool known;  ///< it is the one remembered
  };
  /// The name alone; what comes between it and resolve() happens before the match.
  /// Errors: topic_name_invalid or malformed_packet, as TopicName::parse gives them.
  Result<Checked> check(std::string_view topic) const;
  /// The filters it matches: good until the next resolve() or the end of the turn. Nothing was resolved since check().
  std::span<Filter* const> resolve(const SubscriptionTable& table, const Checked& topic, Matches& scratch);

 private:
  static constexpr std::size_t kTopicMax = 256;
  static constexpr std::size_t kFiltersMax = 4;

  bool holds(std::string_view topic) const {
    return topic.size() == size_ && size_ != 0 && std::memcmp(topic.data(), topic_.data(), size_) == 0;
  }

  SubscriptionTable::Versions versions_;
  std::uint16_t size_ = 0;  ///< of the topic; 0: nothing remembered
  std::uint8_t count_ = 0;
  std::array<Filter*, kFiltersMax> filters_{};
  std::array<char, kTopicMax> topic_{};
};

}  // namespace bramble
