#include <chrono>
#include <doctest/doctest.h>
#include <map>

#include "tests/support/client.h"

// Section 3.3.2.3: the properties of a PUBLISH.
namespace bramble::testing {

TEST_CASE(
    "[MQTT-3.3.2-4] [MQTT-3.3.2-15] [MQTT-3.3.2-16] [MQTT-3.3.2-17] [MQTT-3.3.2-18] [MQTT-3.3.2-20] [MQTT-3.1.3-10] "
    "properties reach subscribers unaltered, User Properties in their order") {
  const std::string topic = unique_name("properties");
  const std::string correlation = "00 FF 80 00 'x'"_hex;
  const std::string properties = property(Prop::user, "z", "1") + property(Prop::correlation_data, correlation) +
                                 property(Prop::user, "", "") + property(Prop::payload_format, 1) +
                                 property(Prop::user, "a", "2") + property(Prop::response_topic, "answer/here") +
                                 property(Prop::user, "z", "3") + property(Prop::content_type, "text/plain") +
                                 property(Prop::user, "z", "1");
  Client subscriber(shared_broker());
  Client old(shared_broker(), Version::v3_1_1);
  Client publisher(shared_broker());
  subscriber.subscribe(topic, 2);
  old.subscribe(topic, 2);
  for (const unsigned qos : {0u, 1u, 2u}) {
    publisher.publish({.topic = topic, .payload = "text", .qos = qos, .properties = properties});
    const Properties got = subscriber.take().properties;
    CHECK(got.number(Prop::payload_format) == 1);
    CHECK(got.text(Prop::response_topic) == "answer/here");
    CHECK(got.text(Prop::correlation_data) == correlation);
    CHECK(got.text(Prop::content_type) == "text/plain");
    const std::vector<std::pair<std::string, std::string>> user{
        {"z", "1"}, {"", ""}, {"a", "2"}, {"z", "3"}, {"z", "1"}};
    CHECK(got.user() == user);
    CHECK(got.ids().size() == 9);
    CHECK(old.take().payload == "text");
  }
}

TEST_CASE("[MQTT-3.3.2-4] a Payload Format Indicator of 0 goes on as well, and an absent one stays absent") {
  const std::string topic = unique_name("format");
  Client client(shared_broker());
  client.subscribe(topic);
  client.publish({.topic = topic, .payload = "\xFF", .properties = property(Prop::payload_format, 0)});
  CHECK(client.receive().properties.number(Prop::payload_format).value_or(0) == 0);
  client.publish({.topic = topic, .payload = "\xFF"});
  CHECK(client.receive().properties.empty());
}

TEST_CASE("[MQTT-3.3.2-17] properties stay with a message that is retained or queued") {
  const std::string id = unique_name("kept/properties");
  const std::string properties = property(Prop::user, "k", "v") + property(Prop::content_type, "kept");
  Client(shared_broker(), persistent(Version::v5, id)).subscribe(id, 1);
  Client(shared_broker(), persistent(Version::v5, id)).disconnect();
  Client(shared_broker()).publish({.topic = id, .payload = "x", .qos = 1, .retain = true, .properties = properties});
  Client queued(shared_broker(), persistent(Version::v5, id));
  Client retained(shared_broker());
  retained.subscribe(id, 1);
  for (Client* client : {&queued, &retained}) {
    const Properties got = client->take().properties;
    CHECK(got.text(Prop::content_type) == "kept");
    const std::vector<std::pair<std::string, std::string>> user{{"k", "v"}};
    CHECK(got.user() == user);
  }
}

TEST_CASE("[MQTT-3.3.2-14] a Response Topic with wildcards closes the connection") {
  for (const char* topic : {"answers/+", "#", "a/#/b"}) {
    Client client(shared_broker());
    client.send(encode(Version::v5, Publish{.topic = "ask", .properties = property(Prop::response_topic, topic)}));
    client.expect_disconnect({0x81, 0x82, 0x90});
  }
}

TEST_CASE("[MQTT-4.13.1-1] a PUBLISH with properties that the standard forbids closes the connection") {
  struct Case {
    std::string what;
    std::string properties;
    unsigned code;
  };
  const Case cases[] = {
      {"Payload Format Indicator twice", "01 00 01 00"_hex, 0x82},
      {"Message Expiry Interval twice", "02 00000001 02 00000001"_hex, 0x82},
      {"Topic Alias twice", "23 0001 23 0001"_hex, 0x82},
      {"Response Topic twice", "08 0001 'a' 08 0001 'a'"_hex, 0x82},
      {"Correlation Data twice", "09 0001 'a' 09 0001 'a'"_hex, 0x82},
      {"Content Type twice", "03 0001 'a' 03 0001 'a'"_hex, 0x82},
      {"a property of CONNECT", "11 00000001"_hex, 0x81},
      {"a property of CONNACK", "12 0001 'a'"_hex, 0x81},
      {"Will Delay Interval", "18 00000001"_hex, 0x81},
      {"Reason String", "1F 0001 'a'"_hex, 0x81},
      {"an identifier that does not exist", "2B 00"_hex, 0x81},
      {"an identifier of two bytes", "8001 00"_hex, 0x81},
      {"a number cut off", "02 0000"_hex, 0x81},
      {"a string cut off", "03 0005 'ab'"_hex, 0x81},
      {"a User Property without its value", "26 0001 'a'"_hex, 0x81},
  };
  for (const Case& each : cases) {
    CAPTURE(each.what);
    Client client(shared_broker());
    client.send(encode(Version::v5, Publish{.topic = "a", .properties = each.properties}));
    client.expect_disconnect(each.code);
  }
}

TEST_CASE("[MQTT-4.13.1-1] a Property Length that reaches past the packet closes the connection") {
  Client client(shared_broker());
  client.send("30 05 0001 'a' 05 'x'"_hex);
  client.expect_disconnect(0x81);
}

TEST_CASE("[MQTT-3.3.2-6] a message that waited has that much less of its Message Expiry Interval") {
  const std::string id = unique_name("expiry/less");
  Client(shared_broker(), persistent(Version::v5, id)).subscribe(id, 1);
  Client(shared_broker(), persistent(Version::v5, id)).disconnect();
  Client(shared_broker())
      .publish(
          {.topic = id, .payload = "x", .qos = 1, .retain = true, .properties = property(Prop::message_expiry, 100)});
  let_pass(std::chrono::milliseconds(2100));
  Client queued(shared_broker(), persistent(Version::v5, id));
  Client retained(shared_broker());
  retained.subscribe(id, 1);
  for (Client* client : {&queued, &retained}) {
    const std::uint32_t left = client->take().properties.number(Prop::message_expiry).value_or(0);
    CHECK(left <= 98);
    CHECK(left >= 90);
  }
}

TEST_CASE("[MQTT-3.3.2-6] a message that did not wait has the Message Expiry Interval it came with; none stays none") {
  const std::string topic = unique_name("expiry/same");
  Client client(shared_broker());
  client.subscribe(topic, 1);
  client.publish({.topic = topic, .qos = 1, .properties = property(Prop::message_expiry, 4'000'000'000)});
  CHECK(client.take().properties.number(Prop::message_expiry).value_or(0) >= 3'999'999'990);
  client.publish({.topic = topic, .qos = 1, .properties = property(Prop::message_expiry, 0xFFFF'FFFF)});
  CHECK(client.take().properties.number(Prop::message_expiry) == 0xFFFF'FFFFu);
  client.publish({.topic = topic, .qos = 1});
  CHECK_FALSE(client.take().properties.has(Prop::message_expiry));
}

TEST_CASE(
    "[MQTT-3.1.2-24] no Message Expiry Interval, not the longest either, makes a PUBLISH too large for its client") {
  const Broker broker("threads 1");
  Client publisher(broker);
  for (const std::uint32_t expiry : {1000u, 0xFFFF'FFFFu}) {
    CAPTURE(expiry);
    const Publish publish{
        .topic = "t", .payload = std::string(100, 'x'), .properties = property(Prop::message_expiry, expiry)};
    const auto whole = static_cast<std::uint32_t>(encode(Version::v5, publish).size());
    for (std::uint32_t size = whole - 6; size <= whole; ++size) {
      Client subscriber(broker, Connect{.properties = property(Prop::maximum_packet_size, size)});
      subscriber.subscribe("t");
      publisher.publish(publish);
      for (const Message& message : subscriber.drain()) CHECK(message.packet_size <= size);
    }
  }
}

TEST_CASE("[MQTT-3.3.2-5] an expired message is gone, from the queue and from the retained messages; others stay") {
  const std::string id = unique_name("expiry/gone");
  const auto id_of = [&id](Version version) { return id + (version == Version::v5 ? "/v5" : "/v4"); };
  for (const Version version : kSince311) {
    Client(shared_broker(), persistent(version, id_of(version))).subscribe(id + "/#", 2);
    Client(shared_broker(), persistent(version, id_of(version))).disconnect();
  }
  const std::string second = property(Prop::message_expiry, 1);
  Client publisher(shared_broker());
  publisher.publish({.topic = id + "/kept", .payload = "short 1", .qos = 1, .retain = true, .properties = second});
  publisher.publish({.topic = id + "/2", .payload = "short 2", .qos = 2, .properties = second});
  publisher.publish({.topic = id + "/long", .payload = "long", .qos = 1});
  let_pass(std::chrono::milliseconds(2100));
  for (const Version version : kSince311) {
    CAPTURE(version);
    Client back(shared_broker(), persistent(version, id_of(version)));
    CHECK(back.take().payload == "long");
    back.expect_nothing();
    Client later(shared_broker(), version);
    later.subscribe(id + "/#", 1);
    later.expect_nothing();
  }
}

TEST_CASE("[MQTT-3.3.2-5] a message that waits behind the Receive Maximum expires too") {
  const std::string topic = unique_name("expiry/window");
  Client subscriber(shared_broker(), Connect{.properties = property(Prop::receive_maximum, 1)});
  Client publisher(shared_broker());
  subscriber.subscribe(topic, 1);
  publisher.publish({.topic = topic, .payload = "in flight", .qos = 1});
  publisher.publish({.topic = topic, .payload = "waits", .qos = 1, .properties = property(Prop::message_expiry, 1)});
  publisher.publish({.topic = topic, .payload = "stays", .qos = 1});
  const Message first = subscriber.receive();
  let_pass(std::chrono::milliseconds(2100));
  subscriber.acknowledge(first);
  CHECK(subscriber.take().payload == "stays");
  subscriber.expect_nothing();
}

TEST_CASE("[MQTT-4.3.3-7] [MQTT-4.3.3-13] what was sent at QoS 2 does not expire: the exchange goes on") {
  const std::string id = unique_name("expiry/started");
  Client subscriber(shared_broker(), persistent(Version::v5, id));
  subscriber.subscribe(id, 2);
  Client(shared_broker())
      .publish({.topic = id, .payload = "sent", .qos = 2, .properties = property(Prop::message_expiry, 1)});
  const Message sent = subscriber.receive();
  subscriber.drop();
  let_pass(std::chrono::milliseconds(2100));
  Client back(shared_broker(), persistent(Version::v5, id));
  const Message again = back.take();
  CHECK(again.packet_id == sent.packet_id);
  CHECK(again.dup);
  back.expect_nothing();
}

TEST_CASE("[MQTT-4.3.3-13] a QoS 2 exchange from a client is completed although its message has expired") {
  Client client(shared_broker());
  client.send(
      encode(Version::v5,
             Publish{.topic = "expiry/in", .qos = 2, .packet_id = 3, .properties = property(Prop::message_expiry, 1)}));
  CHECK(client.receive_ack(PacketType::pubrec).packet_id == 3);
  let_pass(std::chrono::milliseconds(1600));
  client.send(encode_ack(PacketType::pubrel, 3));
  const Ack pubcomp = client.receive_ack(PacketType::pubcomp);
  CHECK(pubcomp.packet_id == 3);
  CHECK(pubcomp.code == 0);
}

TEST_CASE(
    "[MQTT-3.3.2-12] [MQTT-3.3.2-9] every Topic Alias up to the announced maximum is accepted and names its topic") {
  const std::string topic = unique_name("alias/in") + "/";
  Client subscriber(shared_broker());
  Client publisher(shared_broker());
  const std::uint32_t maximum = publisher.connack().properties.number(Prop::topic_alias_maximum).value_or(0);
  REQUIRE(maximum > 0);
  subscriber.subscribe(topic + "#");
  for (std::uint32_t alias = 1; alias <= maximum; ++alias) {
    publisher.publish({.topic = topic + std::to_string(alias), .properties = property(Prop::topic_alias, alias)});
    const Message message = subscriber.receive();
    CHECK(message.topic == topic + std::to_string(alias));
    CHECK_FALSE(message.properties.has(Prop::topic_alias));
  }
  for (std::uint32_t alias = maximum; alias > 0; --alias) {
    publisher.publish({.payload = "again", .qos = alias % 3, .properties = property(Prop::topic_alias, alias)});
    const Message message = subscriber.receive();
    CHECK(message.topic == topic + std::to_string(alias));
    CHECK(message.payload == "again");
  }
}

TEST_CASE("[MQTT-3.3.2-12] a Topic Alias can be given another topic") {
  const std::string topic = unique_name("alias/moved") + "/";
  Client client(shared_broker());
  client.subscribe(topic + "#");
  client.publish({.topic = topic + "old", .properties = property(Prop::topic_alias, 1)});
  client.publish({.topic = topic + "new", .properties = property(Prop::topic_alias, 1)});
  client.publish({.properties = property(Prop::topic_alias, 1)});
  CHECK(client.receive().topic == topic + "old");
  CHECK(client.receive().topic == topic + "new");
  CHECK(client.receive().topic == topic + "new");
}

TEST_CASE("[MQTT-3.3.2-7] Topic Aliases end with the connection") {
  const std::string id = unique_name("alias/ended");
  Client(shared_broker(), persistent(Version::v5, id))
      .publish({.topic = "a", .properties = property(Prop::topic_alias, 1)});
  Client back(shared_broker(), persistent(Version::v5, id));
  back.send(encode(Version::v5, Publish{.properties = property(Prop::topic_alias, 1)}));
  back.expect_disconnect({0x82, 0x94});
}

TEST_CASE("[MQTT-3.3.2-8] [MQTT-3.3.2-9] a Topic Alias of 0, or above the maximum, closes the connection") {
  const std::uint32_t maximum =
      Client(shared_broker()).connack().properties.number(Prop::topic_alias_maximum).value_or(0);
  for (const std::uint32_t alias : {0u, maximum + 1, 65'535u}) {
    CAPTURE(alias);
    Client client(shared_broker());
    client.send(encode(Version::v5, Publish{.topic = "a", .properties = property(Prop::topic_alias, alias)}));
    client.expect_disconnect(0x94);
  }
}

TEST_CASE(
    "[MQTT-4.7.3-1] [MQTT-3.3.2-1] an empty topic without an alias, or with one that was never given, closes the "
    "connection") {
  for (const std::string& properties : {std::string{}, property(Prop::topic_alias, 2)}) {
    Client client(shared_broker());
    client.publish({.topic = "a", .properties = property(Prop::topic_alias, 1)});
    client.send(encode(Version::v5, Publish{.payload = "x", .properties = properties}));
    client.expect_disconnect({0x82, 0x94});
  }
}

TEST_CASE("[MQTT-3.3.2-9] where no Topic Alias is allowed none is announced and none accepted") {
  Broker broker("max_topic_alias 0");
  Client client(broker);
  CHECK(client.connack().properties.number(Prop::topic_alias_maximum).value_or(0) == 0);
  client.send(encode(Version::v5, Publish{.topic = "a", .properties = property(Prop::topic_alias, 1)}));
  client.expect_disconnect(0x94);
}

TEST_CASE(
    "[MQTT-3.1.2-26] [MQTT-3.3.2-11] Topic Aliases towards a client stay within its maximum and name the right "
    "topic") {
  const std::string topic = unique_name("alias/out") + "/";
  Client subscriber(shared_broker(), Connect{.properties = property(Prop::topic_alias_maximum, 3)});
  Client publisher(shared_broker());
  subscriber.subscribe(topic + "#", 1);
  std::map<std::uint32_t, std::string> aliases;
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 6; ++i) {
      const std::string name = topic + std::to_string(i);
      publisher.publish({.topic = name, .payload = name, .qos = static_cast<unsigned>(i) % 2});
      const Message message = subscriber.take();
      const std::uint32_t alias = message.properties.number(Prop::topic_alias).value_or(0);
      CHECK(alias <= 3);
      if (message.topic.empty()) REQUIRE(aliases.count(alias) == 1);
      if (!message.topic.empty() && alias != 0) aliases[alias] = message.topic;
      CHECK((message.topic.empty() ? aliases[alias] : message.topic) == message.payload);
    }
  }
}

TEST_CASE("[MQTT-3.3.2-7] [MQTT-4.4.0-1] a message sent again on a new connection names its topic in full or anew") {
  const std::string id = unique_name("alias/resent");
  Connect connect = persistent(Version::v5, id);
  connect.properties += property(Prop::topic_alias_maximum, 5);
  Client first(shared_broker(), connect);
  first.subscribe(id, 1);
  Client publisher(shared_broker());
  for (int i = 0; i < 3; ++i) publisher.publish({.topic = id, .qos = 1});
  CHECK(first.drain().size() == 3);
  first.drop();
  Client back(shared_broker(), connect);
  CHECK(back.take().topic == id);
}

TEST_CASE("[MQTT-3.1.2-27] a client that announces no Topic Alias Maximum, or 0, is sent none") {
  const std::string topic = unique_name("alias/none");
  Client absent(shared_broker());
  Client zero(shared_broker(), Connect{.properties = property(Prop::topic_alias_maximum, 0)});
  absent.subscribe(topic);
  zero.subscribe(topic);
  Client publisher(shared_broker());
  for (int i = 0; i < 3; ++i) {
    publisher.publish({.topic = topic, .properties = property(Prop::topic_alias, 1)});
    for (Client* client : {&absent, &zero}) {
      const Message message = client->receive();
      CHECK(message.topic == topic);
      CHECK_FALSE(message.properties.has(Prop::topic_alias));
    }
  }
}

}  // namespace bramble::testing
