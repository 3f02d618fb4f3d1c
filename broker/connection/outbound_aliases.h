#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace bramble {

/// The Topic Aliases that the broker has set on one connection, 1 and up: the first topics get them, for as long as the
/// connection lasts [MQTT-3.3.2-7].
/// Threads: the connection's reactor.  Cost: one comparison for the topic that came last, else a hash.
/// Memory: at most kTextMax of topics and kAliasesMax of them, however many the client would take.
class OutboundAliases {
 public:
  /// 0: it has none.
  std::uint16_t of(std::string_view topic) {
    if (last_ && last_->first == topic) return last_->second;
    const auto found = aliases_.find(topic);
    if (found == aliases_.end()) return 0;
    last_ = &*found;
    return last_->second;
  }

  /// The one that set() would give it, if the client takes `most`; 0: none.
  std::uint16_t free_for(std::string_view topic, std::uint16_t most) const {
    if (aliases_.size() >= std::min(most, kAliasesMax) || text_ + topic.size() > kTextMax) return 0;
    return static_cast<std::uint16_t>(aliases_.size() + 1);
  }

  void set(std::string_view topic, std::uint16_t alias) {
    aliases_.emplace(topic, alias);
    text_ += topic.size();
  }

  static constexpr std::uint16_t kAliasesMax = 64;
  static constexpr std::size_t kTextMax = 16 * 1024;

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };
  using Aliases = std::unordered_map<std::string, std::uint16_t, Hash, std::equal_to<>>;
  Aliases aliases_;
  const Aliases::value_type* last_ = nullptr;
  std::size_t text_ = 0;
};

}  // namespace bramble
