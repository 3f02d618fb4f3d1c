#pragma once

#include <string_view>

#include "core/base/result.h"

namespace bramble {

/// As Mosquitto's limit. A level of a filter may take a node of the trie: without one, 2 bytes that a client sends
/// would take 100 of ours.
inline constexpr int kTopicSlashesMax = 200;

/// A valid Topic Name: UTF-8, 1 to 65535 bytes, at most kTopicSlashesMax '/', no U+0000, no '+' or '#'.
/// [MQTT-3.3.2-2] [MQTT-4.7.3-1]
/// A view: it lives as long as the bytes it was parsed from.
class TopicName {
 public:
  static Result<TopicName> parse(std::string_view bytes);
  std::string_view view() const { return text_; }
  /// Topics that begin with '$' are not matched by a leading wildcard.  [MQTT-4.7.2-1]
  bool reserved() const { return text_.front() == '$'; }
  /// $SYS and $CONTROL and what is below them: only the broker publishes there, as in Mosquitto. But bridges of other
  /// brokers say whether they are connected, as $SYS/broker/connection/NAME/state, in a Will too.
  bool broker_owned() const { return text_.front() == '$' && below_broker(); }

 private:
  friend class TopicMemo;  // broker/routing: bytes equal to those it checked before
  explicit TopicName(std::string_view text) : text_(text) {}
  bool below_broker() const;
  std::string_view text_;
};

/// A valid Topic Filter, with the share name taken off: "$share/group/a/+" has filter() "a/+" and share() "group".
/// A view, like TopicName.  [MQTT-4.7.1-1] [MQTT-4.7.1-2] [MQTT-4.8.2-1] [MQTT-4.8.2-2]
class TopicFilter {
 public:
  static Result<TopicFilter> parse(std::string_view bytes);
  std::string_view text() const { return text_; }      ///< as the client sent it
  std::string_view filter() const { return filter_; }  ///< what topics are matched against
  std::string_view share() const { return share_; }    ///< empty: not shared
  bool shared() const { return !share_.empty(); }
  bool has_wildcards() const { return has_wildcards_; }

 private:
  TopicFilter() = default;
  std::string_view text_, filter_, share_;
  bool has_wildcards_ = false;
};

/// Walks the levels of a topic or filter: "a//b" has the levels "a", "", "b".
class Levels {
 public:
  explicit Levels(std::string_view text) : rest_(text) {}
  bool done() const { return done_; }
  std::string_view next() {
    const auto slash = rest_.find('/');
    const auto level = rest_.substr(0, slash);
    if (slash == std::string_view::npos) {
      done_ = true;
    } else {
      rest_.remove_prefix(slash + 1);
    }
    return level;
  }
  /// What has not been given yet, without a leading '/'.
  std::string_view rest() const { return done_ ? std::string_view{} : rest_; }

 private:
  std::string_view rest_;
  bool done_ = false;
};

}  // namespace bramble
