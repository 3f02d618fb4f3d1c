#include <doctest/doctest.h>

#include "tests/support/client.h"

// Sections 3.8 and 3.9: SUBSCRIBE and SUBACK.
namespace bramble::testing {
namespace {

using Codes = std::vector<std::uint8_t>;

}  // namespace

TEST_CASE(
    "[MQTT-3.8.3-2] [MQTT-4.13.1-1] [3.1.1: MQTT-3.8.3-3] a SUBSCRIBE without a Topic Filter closes the connection") {
  for (const Version version : kSince311) {
    CAPTURE(version);
    Client client(shared_broker(), version);
    client.send(version == Version::v5 ? "82 03 0001 00"_hex : "82 02 0001"_hex);
    client.expect_refusal(version, 0x82);
  }
}

TEST_CASE("[MQTT-4.13.1-1] [MQTT-3.8.3-2] [3.1.1: MQTT-4.8.0-1] a SUBSCRIBE cut short closes the connection") {
  for (const Version version : kSince311) {
    const std::string body = encode_subscribe(version, 1, {{"ab", 1}}).substr(2);
    for (std::size_t size = 0; size < body.size(); ++size) {
      CAPTURE(version);
      CAPTURE(size);
      Client client(shared_broker(), version);
      client.send(packet(0x82, body.substr(0, size)));
      client.expect_refusal(version, {0x81, 0x82});
    }
  }
}

TEST_CASE("[MQTT-3.8.3-4] No Local on a shared subscription closes the connection") {
  Client client(shared_broker());
  client.send(encode_subscribe(Version::v5, 1, {{"$share/group/topic", 1 | kNoLocal}}));
  client.expect_disconnect(0x82);
}

TEST_CASE("[MQTT-3.8.3-3] with No Local a client does not get its own messages; others do, and it gets theirs") {
  const std::string topic = unique_name("no/local");
  Client local(shared_broker());
  Client other(shared_broker());
  local.subscribe(topic, 1 | kNoLocal);
  other.subscribe(topic, 1);
  local.publish({.topic = topic, .payload = "mine", .qos = 1});
  CHECK(other.take().payload == "mine");
  local.expect_nothing();
  other.publish({.topic = topic, .payload = "theirs", .qos = 1});
  CHECK(local.take().payload == "theirs");
}

TEST_CASE("[MQTT-3.8.3-3] No Local counts by Client Identifier, so it holds on a new connection too") {
  const std::string id = unique_name("no/local/resumed");
  Client(shared_broker(), persistent(Version::v5, id)).subscribe(id, 1 | kNoLocal);
  Client back(shared_broker(), persistent(Version::v5, id));
  back.publish({.topic = id, .qos = 1});
  back.expect_nothing();
}

TEST_CASE("[MQTT-3.8.3-3] No Local counts by Client Identifier, so it holds for what an earlier session retained") {
  const std::string id = unique_name("no/local/retained");
  Client(shared_broker(), Connect{.client_id = id}).publish({.topic = id, .payload = "mine", .qos = 1, .retain = true});
  Client back(shared_broker(), Connect{.client_id = id});
  back.subscribe(id, 1 | kNoLocal);
  back.expect_nothing();
  Client other(shared_broker());
  other.subscribe(id, 1 | kNoLocal);
  CHECK(other.take().payload == "mine");
}

TEST_CASE("[MQTT-3.8.3-3] of two subscriptions only the one with No Local leaves out") {
  const std::string topic = unique_name("no/local/one");
  Client client(shared_broker());
  client.subscribe(topic, 1 | kNoLocal, property(Prop::subscription_identifier, 1));
  client.subscribe(topic + "/#", 1, property(Prop::subscription_identifier, 2));
  client.publish({.topic = topic, .qos = 1});
  CHECK(client.take().properties.numbers(Prop::subscription_identifier) == std::vector<std::uint32_t>{2});
  client.expect_nothing();
}

TEST_CASE("[MQTT-3.8.3-5] [3.1.1: MQTT-3-8.3-4] reserved bits in the Subscription Options close the connection") {
  for (const unsigned options : {0x03u, 0x04u, 0x08u, 0x10u, 0x20u, 0x40u, 0x80u}) {
    CAPTURE(options);
    Client v3(shared_broker(), Version::v3_1_1);
    v3.send(encode_subscribe(Version::v3_1_1, 1, {{"a", options}}));
    v3.expect_close();
  }
  for (const unsigned options : {0x40u, 0x80u, 0xC1u}) {
    CAPTURE(options);
    Client v5(shared_broker());
    v5.send(encode_subscribe(Version::v5, 1, {{"a", options}}));
    v5.expect_disconnect(0x81);
  }
}

TEST_CASE("[MQTT-4.13.1-1] a Maximum QoS or Retain Handling of 3 closes the connection") {
  for (const unsigned options : {0x03u, 0x30u, 0x33u}) {
    CAPTURE(options);
    Client client(shared_broker());
    client.send(encode_subscribe(Version::v5, 1, {{"a", options}}));
    client.expect_disconnect({0x81, 0x82});
  }
}

TEST_CASE(
    "[MQTT-3.8.4-1] [MQTT-3.8.4-2] [MQTT-3.8.4-6] [MQTT-3.8.4-7] [MQTT-3.9.3-1] [MQTT-3.9.3-2] [MQTT-3.8.4-5] "
    "[3.1.1: MQTT-3.8.4-1] [3.1.1: MQTT-3.8.4-2] [3.1.1: MQTT-3.8.4-4] [3.1.1: MQTT-3.8.4-5] "
    "[3.1.1: MQTT-3.9.3-1] [3.1.1: MQTT-3.9.3-2] a SUBSCRIBE of many filters gets one SUBACK, its codes in their "
    "order") {
  for (const Version version : kAllVersions) {
    CAPTURE(version);
    const std::string topic = unique_name("many");
    Client client(shared_broker(), version);
    client.send(
        encode_subscribe(version, 777, {{topic + "/a", 2}, {topic + "/b", 0}, {topic + "/c", 1}, {topic + "/b", 1}}));
    const Suback suback = parse_suback(version, client.read_packet());
    CHECK(suback.packet_id == 777);
    CHECK(suback.codes == Codes{2, 0, 1, 1});
    client.expect_nothing();
    for (const char* level : {"/a", "/b", "/c"}) client.publish({.topic = topic + level, .payload = level, .qos = 2});
    CHECK(client.take().qos == 2);
    CHECK(client.take().qos == 1);  // the second SUBSCRIBE to it counts
    CHECK(client.take().qos == 1);
  }
}

TEST_CASE("[MQTT-3.8.4-3] [3.1.1: MQTT-3.8.4-3] a SUBSCRIBE to the same filter replaces the subscription") {
  for (const Version version : kAllVersions) {
    CAPTURE(version);
    const std::string topic = unique_name("replaced");
    Client client(shared_broker(), version);
    for (const unsigned qos : {0u, 2u, 1u}) {
      client.subscribe(topic + "/+", qos);
      client.publish({.topic = topic + "/x", .qos = 2});
      CHECK(client.take().qos == qos);
      client.expect_nothing();
    }
    client.unsubscribe({topic + "/+"});
    client.publish({.topic = topic + "/x", .qos = 2});
    client.expect_nothing();
  }
}

TEST_CASE("[MQTT-3.8.4-3] all options are replaced: No Local and Retain As Published too") {
  const std::string topic = unique_name("replaced/options");
  Client client(shared_broker());
  client.subscribe(topic, 1 | kNoLocal | kRetainAsPublished);
  client.subscribe(topic, 1);
  client.publish({.topic = topic, .payload = "x", .qos = 1, .retain = true});
  CHECK_FALSE(client.take().retain);
  client.subscribe(topic, 1 | kNoLocal | kRetainNever);
  client.publish({.topic = topic, .payload = "x", .qos = 1});
  client.expect_nothing();
}

TEST_CASE(
    "[MQTT-3.8.4-4] [3.1.1: MQTT-3.8.4-3] no message is lost, and none comes twice, while a subscription is "
    "replaced") {
  const std::string topic = unique_name("replaced/meanwhile");
  Client subscriber(shared_broker(), Connect{.properties = property(Prop::receive_maximum, 65'535)});
  Client publisher(shared_broker());
  subscriber.subscribe(topic, 0);
  constexpr unsigned kMessages = 300;
  for (unsigned i = 0; i < kMessages; ++i) {
    publisher.send(encode(Version::v5, Publish{.topic = topic, .payload = std::to_string(i)}));
    if (i % 10 == 0) subscriber.send(encode_subscribe(Version::v5, i + 100, {{topic, 0 | kRetainNever}}));
  }
  publisher.ping();
  for (unsigned i = 0; i < kMessages; i += 10) subscriber.await(PacketType::suback);
  const std::vector<Message> messages = subscriber.drain();
  REQUIRE(messages.size() == kMessages);
  for (unsigned i = 0; i < kMessages; ++i) CHECK(messages[i].payload == std::to_string(i));
}

TEST_CASE("[MQTT-3.8.4-6] what follows the SUBACK is delivered: the subscription is in force") {
  for (int i = 0; i < 50; ++i) {
    const std::string topic = unique_name("in/force");
    Client subscriber(shared_broker());
    Client publisher(shared_broker());
    subscriber.subscribe(topic + "/+");
    publisher.send(encode(Version::v5, Publish{.topic = topic + "/x", .payload = "seen"}));
    CHECK(subscriber.receive().payload == "seen");
  }
}

TEST_CASE("[MQTT-4.13.1-1] a SUBSCRIBE with properties that the standard forbids closes the connection") {
  for (const std::string& properties :
       {"0B 00"_hex, "0B 01 0B 02"_hex, "01 00"_hex, "23 0001"_hex, "0B 8080808001"_hex}) {
    CAPTURE(to_hex(properties));
    Client client(shared_broker());
    client.send(encode_subscribe(Version::v5, 1, {{"a", 0}}, properties));
    client.expect_disconnect({0x81, 0x82});
  }
}

TEST_CASE("[MQTT-3.8.4-5] a SUBSCRIBE with more filters than fit in a short packet is handled whole") {
  for (const Version version : kAllVersions) {
    const std::string topic = unique_name("hundreds/");
    std::vector<Filter> filters;
    for (unsigned i = 0; i < 500; ++i) filters.push_back({topic + std::to_string(i), i % 3});
    Client client(shared_broker(), version);
    const Codes codes = client.subscribe(filters);
    REQUIRE(codes.size() == 500);
    for (unsigned i = 0; i < 500; ++i) CHECK(codes[i] == i % 3);
    client.publish({.topic = topic + "499", .payload = "last"});
    CHECK(client.take().payload == "last");
  }
}

TEST_CASE("[MQTT-3.8.4-1] User Properties of a SUBSCRIBE or UNSUBSCRIBE are read and change nothing") {
  const std::string topic = unique_name("user/properties");
  Client client(shared_broker());
  client.subscribe(topic, 1, property(Prop::user, "k", "v") + property(Prop::user, "k", "v"));
  client.send(encode_unsubscribe(Version::v5, 9, {topic}, property(Prop::user, "k", "v")));
  client.expect("B0 04 0009 00 00"_hex);
}

TEST_CASE("[MQTT-3.8.4-5] what follows a SUBSCRIBE or UNSUBSCRIBE of thousands of filters waits for it") {
  const std::string topic = unique_name("thousands/") + "/";
  std::vector<Filter> filters;
  std::vector<std::string> names;
  for (unsigned i = 0; i < 2'500; ++i) {
    names.push_back(topic + std::to_string(i));
    filters.push_back({names.back(), 0});
  }
  Client client(shared_broker());
  const std::string publish = encode(Version::v5, Publish{.topic = names.back(), .payload = "last"});
  client.send(encode_subscribe(Version::v5, 1, filters) + publish + "C0 00"_hex);
  CHECK(parse_suback(Version::v5, client.read_packet()).codes == Codes(2'500, 0));
  CHECK(client.receive().payload == "last");
  client.expect("D0 00"_hex);
  client.send(encode_unsubscribe(Version::v5, 2, names) + publish + "C0 00"_hex);
  CHECK(parse_suback(Version::v5, client.read_packet()).codes == Codes(2'500, 0));
  client.expect("D0 00"_hex);
}

TEST_CASE("[MQTT-3.8.4-5] a client may leave in the middle of a SUBSCRIBE of thousands of filters") {
  const std::string id = unique_name("thousands/left");
  std::vector<Filter> filters;
  for (unsigned i = 0; i < 5'000; ++i) filters.push_back({id + "/" + std::to_string(i), 0});
  Client client(shared_broker(), persistent(Version::v5, id));
  client.send(encode_subscribe(Version::v5, 1, filters));
  Client back(shared_broker(), persistent(Version::v5, id));
  back.publish({.topic = id + "/0", .payload = "x"});
  CHECK(back.drain().size() <= 1);
}

TEST_CASE("[MQTT-3.8.4-6] [MQTT-3.10.4-2] a publisher that stays on one topic sees every subscription come and go") {
  const std::string topic = unique_name("come/and/go");
  for (const std::string& filter : {topic, topic + "/#", std::string("$share/group/") + topic}) {
    CAPTURE(filter);
    Client subscriber(shared_broker());
    Client publisher(shared_broker());
    for (int i = 0; i < 20; ++i) {
      publisher.publish({.topic = topic, .payload = "before"});
      subscriber.subscribe(filter);
      publisher.publish({.topic = topic, .payload = "subscribed"});
      CHECK(subscriber.receive().payload == "subscribed");
      subscriber.unsubscribe({filter});
      publisher.publish({.topic = topic, .payload = "after"});
      subscriber.expect_nothing();
    }
  }
}

}  // namespace bramble::testing
