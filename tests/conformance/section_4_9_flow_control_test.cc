#include <doctest/doctest.h>

#include "tests/support/client.h"

// Section 4.9: flow control, and the limits of section 3.1.2.11.
namespace bramble::testing {
namespace {

Connect with_receive_maximum(unsigned maximum) { return {.properties = property(Prop::receive_maximum, maximum)}; }

}  // namespace

TEST_CASE(
    "[MQTT-3.3.4-9] [MQTT-4.9.0-1] [MQTT-4.9.0-2] no more than Receive Maximum messages are unacknowledged; each "
    "PUBACK lets one more out") {
  for (const unsigned maximum : {1u, 3u}) {
    CAPTURE(maximum);
    const std::string topic = unique_name("window");
    Client subscriber(shared_broker(), with_receive_maximum(maximum));
    Client publisher(shared_broker());
    subscriber.subscribe(topic, 1);
    for (unsigned i = 0; i < 10; ++i) publisher.publish({.topic = topic, .payload = std::to_string(i), .qos = 1});
    std::vector<Message> messages = subscriber.drain();
    REQUIRE(messages.size() == maximum);
    for (std::size_t i = 0; i < messages.size(); ++i) {
      CHECK(messages[i].payload == std::to_string(i));
      subscriber.acknowledge(messages[i]);
      const std::vector<Message> more = subscriber.drain();
      CHECK(more.size() == (messages.size() < 10 ? 1 : 0));
      messages.insert(messages.end(), more.begin(), more.end());
    }
    CHECK(messages.size() == 10);
  }
}

TEST_CASE("[MQTT-3.3.4-9] [MQTT-4.9.0-2] at QoS 2 it is the PUBCOMP that lets one more out, not the PUBREC") {
  const std::string topic = unique_name("window/qos2");
  Client subscriber(shared_broker(), with_receive_maximum(1));
  Client publisher(shared_broker());
  subscriber.subscribe(topic, 2);
  for (int i = 0; i < 2; ++i) publisher.publish({.topic = topic, .payload = std::to_string(i), .qos = 2});
  const Message first = subscriber.receive();
  subscriber.expect_nothing();
  subscriber.send(encode_ack(PacketType::pubrec, first.packet_id));
  subscriber.receive_ack(PacketType::pubrel);
  subscriber.expect_nothing();
  subscriber.send(encode_ack(PacketType::pubcomp, first.packet_id));
  CHECK(subscriber.take().payload == "1");
  subscriber.expect_nothing();
}

TEST_CASE("[MQTT-3.3.4-10] [MQTT-4.9.0-3] with a full window everything but QoS 1 and 2 PUBLISHes goes on") {
  const std::string topic = unique_name("window/full");
  Client subscriber(shared_broker(), with_receive_maximum(1));
  Client publisher(shared_broker());
  subscriber.subscribe(topic, 2);
  for (int i = 0; i < 3; ++i) publisher.publish({.topic = topic, .payload = "x", .qos = 1});
  const Message waiting = subscriber.receive();
  subscriber.subscribe(topic + "/other", 1);
  CHECK(subscriber.publish({.topic = topic + "/elsewhere", .qos = 1}) < 0x80);
  CHECK(subscriber.publish({.topic = topic + "/elsewhere", .qos = 2}) < 0x80);
  subscriber.unsubscribe({topic + "/other"});
  subscriber.expect_nothing();
  subscriber.acknowledge(waiting);
  CHECK(subscriber.take().payload == "x");
}

TEST_CASE("[MQTT-4.9.0-2] QoS 0 messages take no part in the window") {
  const std::string topic = unique_name("window/qos0");
  Client subscriber(shared_broker(), with_receive_maximum(1));
  Client publisher(shared_broker());
  subscriber.subscribe(topic, 1);
  publisher.publish({.topic = topic, .payload = "fills", .qos = 1});
  subscriber.receive();
  for (int i = 0; i < 5; ++i) publisher.publish({.topic = topic, .payload = "free"});
  CHECK(subscriber.drain().size() == 5);
}

TEST_CASE("[MQTT-3.3.4-7] [MQTT-4.9.0-2] a client that exceeds the broker's Receive Maximum is disconnected for it") {
  Client client(shared_broker());
  const std::uint32_t maximum = client.connack().properties.number(Prop::receive_maximum).value_or(65'535);
  std::string burst;
  for (std::uint32_t id = 1; id <= maximum; ++id) {
    burst += encode(Version::v5, Publish{.topic = "quota", .qos = 2, .packet_id = id});
  }
  client.send(burst);
  for (std::uint32_t id = 1; id <= maximum; ++id) CHECK(client.receive_ack(PacketType::pubrec).packet_id == id);
  client.send(encode(Version::v5, Publish{.topic = "quota", .qos = 2, .packet_id = maximum + 1}));
  client.expect_disconnect(0x93);
}

TEST_CASE("section 4.9: the broker's Receive Maximum begins anew with each connection of a session") {
  const std::string id = unique_name("quota/anew");
  unsigned last = 0;
  for (int connection = 0; connection < 2; ++connection) {
    Client client(shared_broker(), persistent(Version::v5, id));
    const std::uint32_t maximum = client.connack().properties.number(Prop::receive_maximum).value_or(65'535);
    for (std::uint32_t i = 0; i < maximum; ++i) {
      client.send(encode(Version::v5, Publish{.topic = "quota", .qos = 2, .packet_id = ++last}));
      CHECK(client.receive_ack(PacketType::pubrec).packet_id == last);
    }
    if (connection == 0) {
      client.drop();
      continue;
    }
    client.send(encode(Version::v5, Publish{.topic = "quota", .qos = 2, .packet_id = ++last}));
    client.expect_disconnect(0x93);
  }
}

TEST_CASE(
    "[MQTT-4.9.0-2] a PUBCOMP gives a client its place in the broker's window back; repeats and QoS 1 take none for "
    "long") {
  Client client(shared_broker());
  const std::uint32_t maximum = client.connack().properties.number(Prop::receive_maximum).value_or(65'535);
  REQUIRE(maximum < 1000);
  for (std::uint32_t id = 1; id <= maximum; ++id) {
    client.send(encode(Version::v5, Publish{.topic = "quota", .qos = 2, .packet_id = id}));
    client.receive_ack(PacketType::pubrec);
  }
  client.send(encode(Version::v5, Publish{.topic = "quota", .qos = 2, .packet_id = 1, .dup = true}));
  client.receive_ack(PacketType::pubrec);
  for (std::uint32_t round = 0; round < 2 * maximum; ++round) {
    const unsigned id = round % maximum + 1;
    client.send(encode_ack(PacketType::pubrel, id));
    client.receive_ack(PacketType::pubcomp);
    CHECK(client.publish({.topic = "quota", .qos = 1, .packet_id = 30'000}) < 0x80);
    client.send(encode(Version::v5, Publish{.topic = "quota", .qos = 2, .packet_id = id}));
    client.receive_ack(PacketType::pubrec);
  }
  client.expect_nothing();
}

TEST_CASE("[MQTT-3.3.4-9] before MQTT 5 the broker's own limit of messages in flight holds") {
  Broker broker("max_inflight_messages 4");
  for (const Version version : {Version::v3_1, Version::v3_1_1}) {
    Client subscriber(broker, version);
    Client publisher(broker, version);
    subscriber.subscribe("window", 1);
    for (int i = 0; i < 10; ++i) publisher.publish({.topic = "window", .payload = std::to_string(i), .qos = 1});
    std::vector<Message> messages = subscriber.drain();
    CHECK(messages.size() == 4);
    for (std::size_t i = 0; i < messages.size(); ++i) {
      subscriber.acknowledge(messages[i]);
      const std::vector<Message> more = subscriber.drain();
      messages.insert(messages.end(), more.begin(), more.end());
    }
    CHECK(messages.size() == 10);
  }
}

TEST_CASE(
    "[MQTT-3.1.2-24] [MQTT-3.1.2-25] a message too large for a client is dropped as if it had been sent; others are "
    "not affected") {
  const std::string topic = unique_name("large");
  Connect connect{.properties = property(Prop::maximum_packet_size, 64) + property(Prop::receive_maximum, 1)};
  Client subscriber(shared_broker(), connect);
  Client whole(shared_broker());
  Client publisher(shared_broker());
  subscriber.subscribe(topic, 2);
  whole.subscribe(topic, 2);
  for (const unsigned qos : {0u, 1u, 2u}) {
    CAPTURE(qos);
    publisher.publish({.topic = topic, .payload = std::string(64, 'x'), .qos = qos});
    publisher.publish({.topic = topic, .payload = "small", .qos = qos});
    CHECK(whole.take().payload.size() == 64);
    CHECK(whole.take().payload == "small");
    CHECK(subscriber.take().payload == "small");
  }
  subscriber.expect_nothing();
}

TEST_CASE("[MQTT-3.1.2-24] the Maximum Packet Size is exact: a packet of that size is sent, one byte more is not") {
  const std::string topic = unique_name("exact");
  constexpr std::uint32_t kSizeMax = 100;
  Client subscriber(shared_broker(), Connect{.properties = property(Prop::maximum_packet_size, kSizeMax)});
  Client publisher(shared_broker());
  subscriber.subscribe(topic, 0);
  const std::size_t head = 2 + 2 + topic.size() + 1;
  publisher.publish({.topic = topic, .payload = std::string(kSizeMax - head + 1, 'x')});
  publisher.publish({.topic = topic, .payload = std::string(kSizeMax - head, 'x')});
  const Message message = subscriber.receive();
  CHECK(message.packet_size == kSizeMax);
  subscriber.expect_nothing();
}

TEST_CASE("[MQTT-3.1.2-24] a Topic Alias that the broker would set up does not make a message too large for a client") {
  const std::string topic = unique_name("exact/alias");
  constexpr std::uint32_t kSizeMax = 100;
  Client subscriber(shared_broker(), Connect{.properties = property(Prop::maximum_packet_size, kSizeMax) +
                                                           property(Prop::topic_alias_maximum, 5)});
  Client publisher(shared_broker());
  subscriber.subscribe(topic, 0);
  const std::string fills(kSizeMax - (2 + 2 + topic.size() + 1), 'x');
  publisher.publish({.topic = topic, .payload = fills});
  publisher.publish({.topic = topic, .payload = fills + "x"});
  const Message message = subscriber.receive();
  CHECK(message.topic == topic);
  CHECK(message.packet_size == kSizeMax);
  CHECK_FALSE(message.properties.has(Prop::topic_alias));
  subscriber.expect_nothing();
  // the next one that leaves room for it sets it up
  publisher.publish({.topic = topic, .payload = "small"});
  const Message named = subscriber.receive();
  CHECK(named.topic == topic);
  CHECK(named.properties.has(Prop::topic_alias));
  publisher.publish({.topic = topic, .payload = fills});
  CHECK(subscriber.receive().topic.empty());
}

TEST_CASE(
    "[MQTT-3.1.2-24] [MQTT-3.1.2-25] a queued or retained message too large for the client does not block what is "
    "behind it") {
  const std::string id = unique_name("large/queued");
  Connect connect = persistent(Version::v5, id);
  connect.properties += property(Prop::maximum_packet_size, 64) + property(Prop::receive_maximum, 1);
  Client(shared_broker(), connect).subscribe(id, 1);
  Client(shared_broker(), connect).disconnect();
  Client publisher(shared_broker());
  publisher.publish({.topic = id, .payload = std::string(100, 'x'), .qos = 1, .retain = true});
  publisher.publish({.topic = id, .payload = "small", .qos = 1});
  Client back(shared_broker(), connect);
  CHECK(back.take().payload == "small");
  back.subscribe(id, 1);
  back.expect_nothing();
}

TEST_CASE("[MQTT-3.2.2-15] a packet larger than the announced Maximum Packet Size closes the connection") {
  Broker broker("max_packet_size 1000");
  Client v5(broker);
  CHECK(v5.connack().properties.number(Prop::maximum_packet_size) == 1000);
  v5.publish({.topic = "size", .payload = std::string(900, 'x')});
  v5.send(encode(Version::v5, Publish{.topic = "size", .payload = std::string(1000, 'x')}));
  v5.expect_disconnect(0x95);
  Client v3(broker, Version::v3_1_1);
  v3.send(encode(Version::v3_1_1, Publish{.topic = "size", .payload = std::string(1000, 'x')}));
  v3.expect_close();
}

TEST_CASE("[MQTT-3.2.2-15] the size is judged by the length alone, before the packet has come") {
  Broker broker("max_packet_size 1000");
  Client client(broker);
  client.send("30 FFFFFF7F"_hex);
  client.expect_disconnect(0x95);
}

}  // namespace bramble::testing
