#include <doctest/doctest.h>
#include <set>

#include "tests/support/client.h"

// Section 4.3: Quality of Service.
namespace bramble::testing {

TEST_CASE("[MQTT-4.3.1-1] [3.1.1: MQTT-4.3.1-1] at QoS 0 a message is sent once, with QoS 0 and DUP 0, and not again") {
  for (const Version version : kSince311) {
    CAPTURE(version);
    const std::string id = unique_name("qos0");
    Client first(shared_broker(), persistent(version, id));
    first.subscribe(id, 0);
    Client(shared_broker(), version).publish({.topic = id, .payload = "once", .qos = 2});
    const Message message = first.receive();
    CHECK(message.qos == 0);
    first.drop();
    Client(shared_broker(), persistent(version, id)).expect_nothing();
  }
}

TEST_CASE(
    "[MQTT-4.3.2-2] [MQTT-4.3.2-3] [3.1.1: MQTT-4.3.2-1] at QoS 1 a message counts as unacknowledged until its "
    "PUBACK") {
  for (const Version version : kSince311) {
    CAPTURE(version);
    const std::string id = unique_name("qos1");
    Client first(shared_broker(), persistent(version, id));
    first.subscribe(id, 1);
    Client(shared_broker(), version).publish({.topic = id, .payload = "x", .qos = 1});
    const Message sent = first.receive();
    CHECK_FALSE(sent.dup);
    first.drop();
    Client second(shared_broker(), persistent(version, id));
    const Message again = second.receive();
    CHECK(again.packet_id == sent.packet_id);
    CHECK(again.dup);
    second.acknowledge(again);
    second.ping();
    second.drop();
    Client(shared_broker(), persistent(version, id)).expect_nothing();
  }
}

TEST_CASE(
    "[MQTT-4.3.2-5] [3.1.1: MQTT-4.3.2-2] at QoS 1 the same Packet Identifier after the PUBACK is a new message, DUP "
    "or not") {
  for (const Version version : kAllVersions) {
    CAPTURE(version);
    const std::string topic = unique_name("qos1/again");
    Client subscriber(shared_broker(), version);
    Client publisher(shared_broker(), version);
    subscriber.subscribe(topic, 1);
    for (const bool dup : {false, true, false}) {
      publisher.publish({.topic = topic, .payload = "x", .qos = 1, .packet_id = 1, .dup = dup});
      CHECK_FALSE(subscriber.take().dup);
    }
    subscriber.expect_nothing();
  }
}

TEST_CASE(
    "[MQTT-4.3.3-8] [MQTT-4.3.3-10] [3.1.1: MQTT-4.3.3-2] at QoS 2 a repeated PUBLISH before the PUBREL is "
    "acknowledged and not delivered again") {
  for (const Version version : kAllVersions) {
    CAPTURE(version);
    const std::string topic = unique_name("qos2/repeated");
    Client subscriber(shared_broker(), version);
    Client publisher(shared_broker(), version);
    subscriber.subscribe(topic, 2);
    for (const bool dup : {false, true, true}) {
      publisher.send(encode(version, Publish{.topic = topic, .payload = "once", .qos = 2, .packet_id = 9, .dup = dup}));
      CHECK(publisher.receive_ack(PacketType::pubrec).packet_id == 9);
    }
    publisher.send(encode_ack(PacketType::pubrel, 9));
    CHECK(publisher.receive_ack(PacketType::pubcomp).packet_id == 9);
    CHECK(subscriber.take().payload == "once");
    subscriber.expect_nothing();
  }
}

TEST_CASE("[MQTT-4.3.3-10] a QoS 2 message that nobody wanted at first is still one message") {
  const std::string topic = unique_name("qos2/unwanted");
  Client publisher(shared_broker());
  Client subscriber(shared_broker());
  publisher.send(encode(Version::v5, Publish{.topic = topic, .payload = "x", .qos = 2, .packet_id = 9}));
  CHECK(publisher.receive_ack(PacketType::pubrec).code < 0x80);
  subscriber.subscribe(topic, 2);
  publisher.send(encode(Version::v5, Publish{.topic = topic, .payload = "x", .qos = 2, .packet_id = 9, .dup = true}));
  publisher.receive_ack(PacketType::pubrec);
  publisher.send(encode_ack(PacketType::pubrel, 9));
  publisher.receive_ack(PacketType::pubcomp);
  CHECK(subscriber.drain().size() <= 1);  // 0 where the PUBLISH delivers, 1 where the PUBREL does
}

TEST_CASE(
    "[MQTT-4.3.3-12] [3.1.1: MQTT-4.3.3-2] at QoS 2 the same Packet Identifier after the PUBCOMP is a new message, "
    "DUP or not") {
  for (const Version version : kAllVersions) {
    CAPTURE(version);
    const std::string topic = unique_name("qos2/again");
    Client subscriber(shared_broker(), version);
    Client publisher(shared_broker(), version);
    subscriber.subscribe(topic, 2);
    for (const bool dup : {false, true, false}) {
      publisher.publish({.topic = topic, .payload = "x", .qos = 2, .packet_id = 1, .dup = dup});
      CHECK_FALSE(subscriber.take().dup);
    }
    subscriber.expect_nothing();
  }
}

TEST_CASE("[MQTT-4.3.3-11] [3.1.1: MQTT-4.3.3-2] a repeated PUBREL is answered with a PUBCOMP each time") {
  for (const Version version : kAllVersions) {
    CAPTURE(version);
    Client client(shared_broker(), version);
    client.send(encode(version, Publish{.topic = "qos2/released", .qos = 2, .packet_id = 4}));
    client.receive_ack(PacketType::pubrec);
    for (int i = 0; i < 3; ++i) {
      client.send(encode_ack(PacketType::pubrel, 4));
      CHECK(client.receive_ack(PacketType::pubcomp).packet_id == 4);
    }
  }
}

TEST_CASE(
    "[MQTT-4.3.3-2] [MQTT-4.3.3-3] [MQTT-4.3.3-4] [3.1.1: MQTT-4.3.3-1] at QoS 2 a PUBLISH counts as unacknowledged "
    "until its PUBREC, and then a PUBREL follows") {
  for (const Version version : kSince311) {
    CAPTURE(version);
    const std::string id = unique_name("qos2/publish");
    Client first(shared_broker(), persistent(version, id));
    first.subscribe(id, 2);
    Client(shared_broker(), version).publish({.topic = id, .payload = "x", .qos = 2});
    const Message sent = first.receive();
    CHECK_FALSE(sent.dup);
    first.drop();
    Client second(shared_broker(), persistent(version, id));
    const Message again = second.receive();
    CHECK(again.packet_id == sent.packet_id);
    CHECK(again.dup);
    CHECK(again.qos == 2);
    second.acknowledge(again);
    second.expect_nothing();
  }
}

TEST_CASE(
    "[MQTT-4.3.3-5] [MQTT-4.3.3-6] [MQTT-4.4.0-1] [3.1.1: MQTT-4.3.3-1] [3.1.1: MQTT-4.4.0-1] after the PUBREC it is "
    "the PUBREL that is sent again, never the PUBLISH") {
  for (const Version version : kSince311) {
    CAPTURE(version);
    const std::string id = unique_name("qos2/pubrel");
    Client first(shared_broker(), persistent(version, id));
    first.subscribe(id, 2);
    Client(shared_broker(), version).publish({.topic = id, .payload = "x", .qos = 2});
    const Message message = first.receive();
    first.send(encode_ack(PacketType::pubrec, message.packet_id));
    first.expect("62 02"_hex + u16(message.packet_id));
    first.drop();
    for (int i = 0; i < 2; ++i) {
      Client back(shared_broker(), persistent(version, id));
      back.expect("62 02"_hex + u16(message.packet_id));
      back.expect_nothing();
      back.drop();
    }
    Client last(shared_broker(), persistent(version, id));
    last.expect("62 02"_hex + u16(message.packet_id));
    last.send(encode_ack(PacketType::pubcomp, message.packet_id));
    last.expect_nothing();
    last.drop();
    Client(shared_broker(), persistent(version, id)).expect_nothing();
  }
}

TEST_CASE("[MQTT-4.3.3-4] a repeated PUBREC is answered with a PUBREL each time") {
  for (const Version version : kAllVersions) {
    const std::string topic = unique_name("qos2/pubrec");
    Client client(shared_broker(), version);
    client.subscribe(topic, 2);
    client.publish({.topic = topic, .qos = 2});
    const Message message = client.receive();
    for (int i = 0; i < 2; ++i) {
      client.send(encode_ack(PacketType::pubrec, message.packet_id));
      CHECK(client.receive_ack(PacketType::pubrel).packet_id == message.packet_id);
    }
    client.send(encode_ack(PacketType::pubcomp, message.packet_id));
    client.expect_nothing();
  }
}

TEST_CASE(
    "[MQTT-4.3.3-9] [MQTT-3.4.2-1] [MQTT-3.5.2-1] a message that is refused gets a Reason Code of its acknowledgement, "
    "and its Packet Identifier is free at once") {
  Broker broker("message_size_limit 100");
  Client client(broker);
  client.subscribe("limited", 2);
  const std::set<std::uint8_t> codes{0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99};  // tables 3-4 and 3-5
  const std::string large(101, 'x');
  client.send(encode(Version::v5, Publish{.topic = "limited", .payload = large, .qos = 1, .packet_id = 3}));
  CHECK(codes.count(client.receive_ack(PacketType::puback).code) == 1);
  client.send(encode(Version::v5, Publish{.topic = "limited", .payload = large, .qos = 2, .packet_id = 3}));
  CHECK(codes.count(client.receive_ack(PacketType::pubrec).code) == 1);
  CHECK(client.publish({.topic = "limited", .payload = "small", .qos = 2, .packet_id = 3}) == 0);
  CHECK(client.take().payload == "small");
  client.expect_nothing();
}

}  // namespace bramble::testing
