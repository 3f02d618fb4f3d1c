#include <doctest/doctest.h>

#include "tests/support/client.h"

// Section 4.7: Topic Names and Topic Filters.
namespace bramble::testing {
namespace {

/// Whether a message to `topic` reaches a subscriber to `filter`.
bool matches(Client& client, const std::string& filter, const std::string& topic) {
  client.subscribe(filter, 0 | (client.version() == Version::v5 ? kRetainNever : 0));
  client.publish({.topic = topic});
  const bool came = !client.drain().empty();
  client.unsubscribe({filter});
  return came;
}

/// A filter that breaks the rules gets a failure in the SUBACK, or the connection is closed.
void expect_filter_refused(Version version, const std::string& filter) {
  Client client(shared_broker(), version);
  client.send(encode_subscribe(version, 1, {{filter, 0}}));
  const std::optional<RawPacket> packet = client.read_packet_or_close();
  if (!packet) return;
  if (packet->type() == PacketType::disconnect) {
    CHECK(version == Version::v5);
    client.expect_close();
    return;
  }
  const std::vector<std::uint8_t> codes = parse_suback(version, *packet).codes;
  CHECK(codes == std::vector<std::uint8_t>{static_cast<std::uint8_t>(version == Version::v5 ? 0x8F : 0x80)});
}

}  // namespace

TEST_CASE(
    "[MQTT-4.7.1-1] [MQTT-4.7.1-2] [MQTT-3.3.2-3] [3.1.1: MQTT-4.7.1-2] [3.1.1: MQTT-4.7.1-3] wildcards match as "
    "section 4.7 says") {
  struct Case {
    const char* filter;
    const char* topic;
    bool match;
  };
  const Case cases[] = {
      {"/#", "", true},         {"/#", "/a", true},       {"/#", "/a/b/c", true},       {"/a/#", "/a", true},
      {"/a/#", "/ab", false},   {"/a/#", "/a/", true},    {"/+", "/a", true},           {"/+", "/a/b", false},
      {"/+", "", false},        {"/+", "/", true},        {"/+/+", "/a/b", true},       {"/+/+", "//", true},
      {"/+/b", "/a/b", true},   {"/+/b", "/a/c", false},  {"/+/b", "/b", false},        {"/a/+/c", "/a//c", true},
      {"/a/+/#", "/a/b", true}, {"/a/+/#", "/a", false},  {"/a/+/#", "/a/b/c/d", true}, {"/a/b", "/a/b", true},
      {"/a/b", "/a/b/", false}, {"/a//b", "/a/b", false}, {"/a", "/A", false},          {"/+/#", "/", true},
  };
  for (const Version version : kAllVersions) {
    Client client(shared_broker(), version);
    for (const Case& each : cases) {
      const std::string root = unique_name("match");
      CAPTURE(version);
      CAPTURE(std::string(each.filter));
      CAPTURE(std::string(each.topic));
      CHECK(matches(client, root + each.filter, root + each.topic) == each.match);
    }
  }
}

TEST_CASE("[MQTT-4.7.1-1] [MQTT-4.7.1-2] wildcards at the beginning match the first level, an empty one too") {
  Broker broker("sys_interval 0");
  Client client(broker);
  CHECK(matches(client, "#", "a"));
  CHECK(matches(client, "#", "/"));
  CHECK(matches(client, "#", "a/b/c"));
  CHECK(matches(client, "+", "a"));
  CHECK_FALSE(matches(client, "+", "a/b"));
  CHECK_FALSE(matches(client, "+", "/a"));
  CHECK(matches(client, "+/+", "/a"));
  CHECK(matches(client, "/+", "/a"));
  CHECK(matches(client, "+/#", "a"));
  CHECK(matches(client, "+/b", "a/b"));
  CHECK(matches(client, "/", "/"));
  CHECK_FALSE(matches(client, "/", "//"));
}

TEST_CASE(
    "[MQTT-4.7.1-1] [MQTT-4.7.1-2] [MQTT-3.9.3-2] [3.1.1: MQTT-4.7.1-2] [3.1.1: MQTT-4.7.1-3] filters with "
    "wildcards in the wrong place are refused") {
  for (const Version version : kSince311) {
    for (const char* filter :
         {"a#", "a/b#", "#/a", "a/#/b", "##", "a/##", "#+", "+#", "a+", "+a", "a/b+", "a/+b/c", "++"}) {
      CAPTURE(version);
      CAPTURE(std::string(filter));
      expect_filter_refused(version, filter);
    }
  }
}

TEST_CASE(
    "[MQTT-4.7.2-1] [3.1.1: MQTT-4.7.2-1] topics that begin with $ are not matched by a wildcard at the beginning") {
  Broker broker("sys_interval 0");
  for (const Version version : kAllVersions) {
    CAPTURE(version);
    Client client(broker, version);
    for (const char* filter : {"#", "+/x", "+/+", "+/#"}) {
      CAPTURE(std::string(filter));
      CHECK_FALSE(matches(client, filter, "$own/x"));
    }
    for (const char* filter : {"$own/x", "$own/#", "$own/+"}) {
      CAPTURE(std::string(filter));
      CHECK(matches(client, filter, "$own/x"));
    }
    CHECK(matches(client, "#", "a/$own"));
    CHECK(matches(client, "+/+", "a/$own"));
  }
}

TEST_CASE(
    "[MQTT-4.7.2-1] [3.1.1: MQTT-4.7.2-1] retained messages below $ do not come for a wildcard at the beginning") {
  Broker broker;
  Client client(broker);
  client.publish({.topic = "$kept/x", .payload = "kept", .qos = 1, .retain = true});
  client.publish({.topic = "kept/x", .payload = "seen", .qos = 1, .retain = true});
  client.subscribe("+/x");
  CHECK(client.receive().payload == "seen");
  client.expect_nothing();
  client.subscribe("#");
  for (const Message& message : client.drain()) CHECK(message.topic.substr(0, 1) != "$");
  client.subscribe("$kept/#");
  CHECK(client.receive().payload == "kept");
}

TEST_CASE("[MQTT-4.7.3-1] [3.1.1: MQTT-4.7.3-1] an empty Topic Filter or Topic Name is refused") {
  for (const Version version : kSince311) {
    CAPTURE(version);
    expect_filter_refused(version, "");
    Client client(shared_broker(), version);
    client.send(encode(version, Publish{.payload = "x"}));
    client.expect_refusal(version, {0x81, 0x82, 0x90});
  }
}

TEST_CASE("[MQTT-4.7.3-3] [3.1.1: MQTT-4.7.3-3] a topic may have 65535 bytes") {
  std::string topic = unique_name("long/");
  topic.resize(65'535, 'x');
  for (const Version version : kAllVersions) {
    Client client(shared_broker(), version);
    client.subscribe(topic, 1);
    client.publish({.topic = topic, .payload = "x", .qos = 1});
    CHECK(client.take().topic == topic);
  }
}

TEST_CASE(
    "[MQTT-4.7.3-4] [3.1.1: MQTT-4.7.3-4] nothing is normalised: case, spaces, slashes and code points stay as they "
    "are") {
  const std::string root = unique_name("exact") + "/";
  const std::string composed = root + "C3 A9"_hex;
  const std::string decomposed = root + "'e' CC 81"_hex;
  const std::string topics[] = {root + "a",  root + "A", root + "/a", root + "a/",  root + " a",
                                root + "a ", composed,   decomposed,  root + "./a", root + "%61"};
  Client client(shared_broker());
  for (const std::string& filter : topics) {
    for (const std::string& topic : topics) {
      CAPTURE(filter);
      CAPTURE(topic);
      CHECK(matches(client, filter, topic) == (filter == topic));
    }
  }
}

TEST_CASE("[MQTT-4.7.1-1] topics of many levels are matched at every depth") {
  std::string topic = unique_name("deep");
  const std::string root = topic;
  for (int level = 0; level < 199; ++level) topic += "/l";
  Client client(shared_broker());
  CHECK(matches(client, root + "/#", topic));
  CHECK(matches(client, topic.substr(0, topic.size() - 1) + "+", topic));
  CHECK(matches(client, topic + "/#", topic));
  CHECK_FALSE(matches(client, topic + "/+", topic));
}

TEST_CASE("a topic that only begins as $SYS does is nobody's in particular") {
  const std::string topic = "$SYSTEM/" + unique_name("own");
  Client client(shared_broker());
  client.subscribe(topic);
  client.publish({.topic = topic, .payload = "x"});
  CHECK(client.receive().topic == topic);
}

TEST_CASE("topics and filters of more than 201 levels are refused, and everybody else is served on") {
  const std::string too_deep = unique_name("deep") + std::string(201, '/');
  for (const Version version : kAllVersions) {
    CAPTURE(version);
    expect_filter_refused(version, too_deep);
    expect_filter_refused(version, "$share/group/" + too_deep + "#");
    Client publisher(shared_broker(), version);
    publisher.send(encode(version, Publish{.topic = too_deep, .payload = "x"}));
    publisher.expect_refusal(version, {0x90});
  }
}

}  // namespace bramble::testing
