#include "core/topic/topic.h"

#include <doctest/doctest.h>
#include <string>
#include <vector>

#include "core/mqtt/reason_code.h"

namespace bramble {

using mqtt::ReasonCode;

namespace {

ReasonCode name_error(std::string_view bytes) {
  const auto name = TopicName::parse(bytes);
  return name ? ReasonCode::success : name.error().code;
}
ReasonCode filter_error(std::string_view bytes) {
  const auto filter = TopicFilter::parse(bytes);
  return filter ? ReasonCode::success : filter.error().code;
}
std::vector<std::string_view> levels_of(std::string_view text) {
  std::vector<std::string_view> found;
  for (Levels levels(text); !levels.done();) found.push_back(levels.next());
  return found;
}

}  // namespace

TEST_CASE("[MQTT-3.3.2-2] [MQTT-4.7.0-1] a Topic Name has no wildcard, wherever it stands") {
  for (std::size_t size = 1; size < 30; ++size) {
    for (std::size_t at = 0; at < size; ++at) {
      std::string topic(size, '/');
      CHECK(name_error(topic) == ReasonCode::success);
      for (const char wildcard : {'+', '#'}) {
        topic[at] = wildcard;
        CHECK(name_error(topic) == ReasonCode::topic_name_invalid);
      }
      topic[at] = '\0';
      CHECK(name_error(topic) == ReasonCode::malformed_packet);  // [MQTT-4.7.3-2]
      topic[at] = '\xFF';
      CHECK(name_error(topic) == ReasonCode::malformed_packet);
    }
  }
  CHECK(name_error("caf\xC3\xA9/+") == ReasonCode::topic_name_invalid);
  CHECK(name_error("caf\xC3\xA9/au/lait") == ReasonCode::success);
}

TEST_CASE("[MQTT-4.7.3-1] [MQTT-4.7.3-3] a Topic Name has 1 to 65535 bytes") {
  CHECK(name_error("") == ReasonCode::topic_name_invalid);
  CHECK(name_error(std::string(65'535, 'a')) == ReasonCode::success);
  CHECK(name_error(std::string(65'536, 'a')) == ReasonCode::topic_name_invalid);
  CHECK(filter_error("") == ReasonCode::topic_filter_invalid);
  CHECK(filter_error(std::string(65'535, 'a')) == ReasonCode::success);
  CHECK(filter_error(std::string(65'536, 'a')) == ReasonCode::topic_filter_invalid);
}

TEST_CASE("a Topic Name and a Topic Filter have at most 201 levels, as in Mosquitto") {
  const std::string deepest(200, '/');
  CHECK(name_error(deepest) == ReasonCode::success);
  CHECK(name_error(deepest + "a") == ReasonCode::success);
  CHECK(name_error(deepest + "/") == ReasonCode::topic_name_invalid);
  CHECK(filter_error(deepest + "+") == ReasonCode::success);
  CHECK(filter_error(deepest + "/#") == ReasonCode::topic_filter_invalid);
}

TEST_CASE("[MQTT-4.7.3-4] a Topic Name is kept as it is") {
  CHECK(TopicName::parse("/A//b/ c/")->view() == "/A//b/ c/");
  CHECK(TopicName::parse("$SYS/x")->reserved());
  CHECK_FALSE(TopicName::parse("a/$SYS")->reserved());
}

TEST_CASE("$SYS and $CONTROL are the broker's own, but for what bridges say of themselves") {
  for (const auto* name :
       {"$SYS", "$SYS/", "$SYS/broker/version", "$CONTROL", "$CONTROL/dynamic-security/v1", "$SYS/broker/connection",
        "$SYS/broker/connection/state", "$SYS/broker/connection//state", "$SYS/broker/connection/a/b/state",
        "$SYS/broker/connection/a/state/", "$SYS/broker/connection/a"}) {
    CAPTURE(std::string(name));
    CHECK(TopicName::parse(name)->broker_owned());
  }
  for (const auto* name : {"SYS", "$SYSTEM", "$CONTROLLED/a", "a/$SYS", "$other", "$SYS/broker/connection/a/state"}) {
    CAPTURE(std::string(name));
    CHECK_FALSE(TopicName::parse(name)->broker_owned());
  }
}

TEST_CASE("[MQTT-4.7.1-1] [MQTT-4.7.1-2] a wildcard is a level of its own, and '#' the last") {
  for (const auto* filter :
       {"#", "+", "/", "a", "a/#", "+/#", "+/+", "/+", "+/", "a/+/b", "a//#", "$SYS/#", "a/+/+/c/#"}) {
    CAPTURE(filter);
    CHECK(filter_error(filter) == ReasonCode::success);
  }
  for (const auto* filter : {"a#", "#/", "#/a", "a/#/b", "a/b#", "a/#b", "++", "a+", "+a", "a/b+", "a/+b/c", "##",
                             "a/##", "+#", "#+", "/#/"}) {
    CAPTURE(filter);
    CHECK(filter_error(filter) == ReasonCode::topic_filter_invalid);
  }
  CHECK(TopicFilter::parse("a/+")->has_wildcards());
  CHECK(TopicFilter::parse("#")->has_wildcards());
  CHECK_FALSE(TopicFilter::parse("a/b")->has_wildcards());
}

TEST_CASE("[MQTT-3.8.3-1] [MQTT-4.7.3-2] a Topic Filter is UTF-8 without U+0000") {
  CHECK(filter_error("a/\xC0\x80") == ReasonCode::malformed_packet);
  CHECK(filter_error(std::string_view("a\0b", 3)) == ReasonCode::malformed_packet);
}

TEST_CASE("[MQTT-4.8.2-1] [MQTT-4.8.2-2] a shared subscription has a ShareName and a Topic Filter") {
  const auto shared = TopicFilter::parse("$share/group/a/+");
  REQUIRE(shared);
  CHECK(shared->text() == "$share/group/a/+");
  CHECK(shared->filter() == "a/+");
  CHECK(shared->share() == "group");
  CHECK(shared->shared());
  CHECK(shared->has_wildcards());
  CHECK(TopicFilter::parse("$share/g//")->filter() == "/");
  CHECK(TopicFilter::parse("$share/g/$SYS/#")->filter() == "$SYS/#");
  for (const auto* filter : {"$share/", "$share//a", "$share/g", "$share/g/", "$share/+/a", "$share/g#/a", "$share/#/a",
                             "$share/g+/a", "$share/g/a#", "$share/g/#/a"}) {
    CAPTURE(filter);
    CHECK(filter_error(filter) == ReasonCode::topic_filter_invalid);
  }
}

TEST_CASE("a filter that only looks like a shared one is a plain one") {
  for (const auto* filter : {"$share", "$shared/g/a", "share/g/a", "/$share/g/a", "$SHARE/g/a"}) {
    const auto plain = TopicFilter::parse(filter);
    REQUIRE(plain);
    CHECK_FALSE(plain->shared());
    CHECK(plain->filter() == filter);
  }
}

TEST_CASE("levels are what stands between the slashes, empty ones too") {
  using List = std::vector<std::string_view>;
  CHECK(levels_of("a//b") == List{"a", "", "b"});
  CHECK(levels_of("/") == List{"", ""});
  CHECK(levels_of("a") == List{"a"});
  CHECK(levels_of("/a/") == List{"", "a", ""});
  Levels levels("a/b/c");
  CHECK(levels.next() == "a");
  CHECK(levels.rest() == "b/c");
  CHECK(levels.next() == "b");
  CHECK(levels.next() == "c");
  CHECK(levels.rest().empty());
}

}  // namespace bramble
