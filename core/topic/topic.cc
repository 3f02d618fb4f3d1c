#include "core/topic/topic.h"

#include <algorithm>

#include "core/mqtt/reason_code.h"
#include "core/mqtt/types.h"
#include "core/mqtt/utf8.h"

namespace bramble {

namespace {

constexpr std::string_view kSharePrefix = "$share/";
constexpr std::string_view kWildcards = "+#";

mqtt::AsciiWord not_plain_topic(mqtt::AsciiWord word) {
  return mqtt::not_plain(word) | mqtt::has(word, '+') | mqtt::has(word, '#');
}

Failure bad_name(const char* what) { return failure(mqtt::ReasonCode::topic_name_invalid, what); }
Failure bad_filter(const char* what) { return failure(mqtt::ReasonCode::topic_filter_invalid, what); }

bool too_deep(std::string_view text) {
  return text.size() > kTopicSlashesMax && std::ranges::count(text, '/') > kTopicSlashesMax;
}

/// Wildcards only as whole levels, '#' only as the last one.  [MQTT-4.7.1-1] [MQTT-4.7.1-2]
bool wildcards_well_placed(std::string_view filter) {
  for (Levels levels(filter); !levels.done();) {
    const auto level = levels.next();
    if (level == "#" && !levels.done()) return false;
    if (level.size() > 1 && level.find_first_of(kWildcards) != std::string_view::npos) return false;
  }
  return true;
}

}  // namespace

Result<TopicName> TopicName::parse(std::string_view bytes) {
  if (bytes.empty()) return bad_name("a Topic Name without a character  [MQTT-4.7.3-1]");
  if (bytes.size() > mqtt::kTopicBytesMax) return bad_name("a Topic Name of more than 65535 bytes  [MQTT-4.7.3-3]");
  if (too_deep(bytes)) return bad_name("a Topic Name of more than 201 levels");
  if (mqtt::no_word(bytes, not_plain_topic)) [[likely]]
    return TopicName(bytes);
  if (!mqtt::valid_utf8(bytes)) return malformed("a Topic Name that is not UTF-8  [MQTT-3.3.2-1] [MQTT-4.7.3-2]");
  if (bytes.find_first_of(kWildcards) != std::string_view::npos) {
    return bad_name("a Topic Name with a wildcard  [MQTT-3.3.2-2]");
  }
  return TopicName(bytes);
}

bool TopicName::below_broker() const {
  constexpr std::string_view kBridges = "$SYS/broker/connection/", kState = "/state";
  const auto at_or_below = [this](std::string_view top) {
    return text_.starts_with(top) && (text_.size() == top.size() || text_[top.size()] == '/');
  };
  if (at_or_below("$CONTROL")) return true;
  if (!at_or_below("$SYS")) return false;
  if (!text_.starts_with(kBridges)) return true;
  const std::string_view rest = text_.substr(kBridges.size());
  return rest.size() <= kState.size() || rest.find('/') != rest.size() - kState.size() || !rest.ends_with(kState);
}

Result<TopicFilter> TopicFilter::parse(std::string_view bytes) {
  if (bytes.empty()) return bad_filter("a Topic Filter without a character  [MQTT-4.7.3-1]");
  if (bytes.size() > mqtt::kTopicBytesMax) return bad_filter("a Topic Filter of more than 65535 bytes  [MQTT-4.7.3-3]");
  if (too_deep(bytes)) return bad_filter("a Topic Filter of more than 201 levels");
  if (!mqtt::valid_utf8(bytes)) return malformed("a Topic Filter that is not UTF-8  [MQTT-3.8.3-1] [MQTT-4.7.3-2]");
  TopicFilter parsed;
  parsed.text_ = parsed.filter_ = bytes;
  if (bytes.starts_with(kSharePrefix)) {
    const auto after = bytes.substr(kSharePrefix.size());
    const auto slash = after.find('/');
    if (slash == std::string_view::npos) return bad_filter("no Topic Filter after the ShareName  [MQTT-4.8.2-2]");
    parsed.share_ = after.substr(0, slash);
    parsed.filter_ = after.substr(slash + 1);
    if (parsed.share_.empty()) return bad_filter("a ShareName without a character  [MQTT-4.8.2-1]");
    if (parsed.share_.find_first_of(kWildcards) != std::string_view::npos) {
      return bad_filter("a ShareName with a wildcard  [MQTT-4.8.2-2]");
    }
    if (parsed.filter_.empty()) return bad_filter("no Topic Filter after the ShareName  [MQTT-4.8.2-2]");
  }
  parsed.has_wildcards_ = parsed.filter_.find_first_of(kWildcards) != std::string_view::npos;
  if (parsed.has_wildcards_ && !wildcards_well_placed(parsed.filter_)) {
    return bad_filter(
        "a wildcard that is not a level of its own, or '#' before the end  [MQTT-4.7.1-1] [MQTT-4.7.1-2]");
  }
  return parsed;
}

}  // namespace bramble
