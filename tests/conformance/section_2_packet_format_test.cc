#include <doctest/doctest.h>
#include <set>

#include "tests/support/client.h"

// Section 2: what all Control Packets have in common.
namespace bramble::testing {

TEST_CASE(
    "[MQTT-2.1.3-1] [MQTT-3.6.1-1] [MQTT-3.8.1-1] [MQTT-3.10.1-1] [MQTT-3.14.1-1] [3.1.1: MQTT-2.2.2-1] "
    "[3.1.1: MQTT-2.2.2-2] [3.1.1: MQTT-3.6.1-1] [3.1.1: MQTT-3.8.1-1] [3.1.1: MQTT-3.10.1-1] "
    "[3.1.1: MQTT-3.14.1-1] reserved bits of the first byte that are wrong close the connection") {
  struct Case {
    std::string what;
    std::string v3;
    std::string v5;
  };
  const Case cases[] = {
      {"PUBACK", "41 02 0001"_hex, "41 02 0001"_hex},
      {"PUBREC", "58 02 0001"_hex, "58 02 0001"_hex},
      {"PUBREL with 0", "60 02 0001"_hex, "60 02 0001"_hex},
      {"PUBREL with 3", "63 02 0001"_hex, "63 02 0001"_hex},
      {"PUBREL with 6", "66 02 0001"_hex, "66 02 0001"_hex},
      {"PUBCOMP", "74 02 0001"_hex, "74 02 0001"_hex},
      {"SUBSCRIBE with 0", "80 06 0001 0001 'a' 00"_hex, "80 07 0001 00 0001 'a' 00"_hex},
      {"SUBSCRIBE with 3", "83 06 0001 0001 'a' 00"_hex, "83 07 0001 00 0001 'a' 00"_hex},
      {"UNSUBSCRIBE with 0", "A0 05 0001 0001 'a'"_hex, "A0 06 0001 00 0001 'a'"_hex},
      {"UNSUBSCRIBE with A", "AA 05 0001 0001 'a'"_hex, "AA 06 0001 00 0001 'a'"_hex},
      {"PINGREQ", "C1 00"_hex, "C1 00"_hex},
      {"DISCONNECT", "E8 00"_hex, "E1 00"_hex},
  };
  for (const Version version : kSince311) {
    for (const Case& each : cases) {
      CAPTURE(version);
      CAPTURE(each.what);
      Client client(shared_broker(), version);
      client.send(version == Version::v5 ? each.v5 : each.v3);
      client.expect_refusal(version, 0x81);
    }
  }
}

TEST_CASE("[MQTT-2.1.3-1] [3.1.1: MQTT-2.2.2-2] a CONNECT with reserved bits in its first byte is refused") {
  for (const Version version : kSince311) {
    std::string bytes = encode(Connect{.version = version, .client_id = unique_name("flags")});
    bytes[0] = '\x11';
    expect_connect_refused(shared_broker(), version, bytes, {0x81});
  }
}

TEST_CASE("[MQTT-2.2.1-2] [3.1.1: MQTT-2.3.1-5] a QoS 0 PUBLISH from the broker has no Packet Identifier") {
  const std::string topic = unique_name("plain");
  Client v3(shared_broker(), Version::v3_1_1);
  Client v5(shared_broker());
  v3.subscribe(topic);
  v5.subscribe(topic);
  v5.send("30"_hex + var_int(static_cast<std::uint32_t>(topic.size() + 5)) + prefixed(topic) + "00 'hi'"_hex);
  v3.expect("30"_hex + var_int(static_cast<std::uint32_t>(topic.size() + 4)) + prefixed(topic) + "'hi'"_hex);
  v5.expect("30"_hex + var_int(static_cast<std::uint32_t>(topic.size() + 5)) + prefixed(topic) + "00 'hi'"_hex);
}

TEST_CASE("[MQTT-2.2.1-3] [3.1.1: MQTT-2.3.1-1] a packet with Packet Identifier 0 closes the connection") {
  struct Case {
    std::string what;
    std::string v3;
    std::string v5;
  };
  const Case cases[] = {
      {"PUBLISH at QoS 1", "32 06 0001 'a' 0000 'x'"_hex, "32 07 0001 'a' 0000 00 'x'"_hex},
      {"PUBLISH at QoS 2", "34 06 0001 'a' 0000 'x'"_hex, "34 07 0001 'a' 0000 00 'x'"_hex},
      {"SUBSCRIBE", "82 06 0000 0001 'a' 00"_hex, "82 07 0000 00 0001 'a' 00"_hex},
      {"UNSUBSCRIBE", "A2 05 0000 0001 'a'"_hex, "A2 06 0000 00 0001 'a'"_hex},
  };
  for (const Version version : kSince311) {
    for (const Case& each : cases) {
      CAPTURE(version);
      CAPTURE(each.what);
      Client client(shared_broker(), version);
      client.send(version == Version::v5 ? each.v5 : each.v3);
      client.expect_refusal(version, {0x81, 0x82});
    }
  }
}

TEST_CASE(
    "[MQTT-2.2.1-4] [MQTT-4.3.2-1] [MQTT-4.3.3-1] [3.1.1: MQTT-2.3.1-4] messages in flight to one client have "
    "Packet Identifiers of their own, none 0") {
  for (const Version version : kAllVersions) {
    CAPTURE(version);
    const std::string topic = unique_name("ids");
    Client subscriber(shared_broker(), version);
    Client publisher(shared_broker(), version);
    subscriber.subscribe(topic, 2);
    for (unsigned i = 0; i < 16; ++i) publisher.publish({.topic = topic, .payload = "x", .qos = 1 + i % 2});
    std::set<unsigned> ids;
    for (const Message& message : subscriber.drain()) ids.insert(message.packet_id);
    CHECK(ids.size() == 16);
    CHECK(ids.count(0) == 0);
  }
}

TEST_CASE(
    "[MQTT-2.2.1-5] [MQTT-2.2.1-6] [MQTT-2.2.2-1] [3.1.1: MQTT-2.3.1-6] [3.1.1: MQTT-2.3.1-7] acknowledgements "
    "carry the Packet Identifier that was used, small or large") {
  for (const Version version : kAllVersions) {
    CAPTURE(version);
    const bool v5 = version == Version::v5;
    Client client(shared_broker(), version);
    for (const unsigned id : {1u, 255u, 256u, 65'535u}) {
      client.send(encode_subscribe(version, id, {{"ids/of/acks", 0}}));
      client.expect(v5 ? "90 04"_hex + u16(id) + "00 00"_hex : "90 03"_hex + u16(id) + "00"_hex);
      client.send(encode(version, Publish{.topic = "ids/of/publish", .qos = 1, .packet_id = id}));
      CHECK(parse_ack(version, client.await(PacketType::puback)).packet_id == id);
      client.send(encode(version, Publish{.topic = "ids/of/publish", .qos = 2, .packet_id = id}));
      CHECK(parse_ack(version, client.await(PacketType::pubrec)).packet_id == id);
      client.send(encode_ack(PacketType::pubrel, id));
      CHECK(parse_ack(version, client.await(PacketType::pubcomp)).packet_id == id);
      client.send(encode_unsubscribe(version, id, {"ids/of/acks"}));
      const RawPacket unsuback = client.await(PacketType::unsuback);
      CHECK(unsuback.bytes == (v5 ? "B0 04"_hex + u16(id) + "00 00"_hex : "B0 02"_hex + u16(id)));
    }
  }
}

TEST_CASE("[MQTT-2.2.1-3] a Packet Identifier is free again once its exchange is complete") {
  for (const Version version : kAllVersions) {
    CAPTURE(version);
    const std::string topic = unique_name("reuse");
    Client subscriber(shared_broker(), version);
    Client publisher(shared_broker(), version);
    subscriber.subscribe(topic, 2);
    for (const char* payload : {"one", "two", "three"}) {
      for (const unsigned qos : {1u, 2u}) {
        publisher.publish({.topic = topic, .payload = payload, .qos = qos, .packet_id = 7});
        const Message message = subscriber.take();
        CHECK(message.payload == payload);
        CHECK(message.qos == qos);
      }
    }
  }
}

TEST_CASE("[MQTT-2.2.1-5] the two directions have Packet Identifiers of their own") {
  const std::string topic = unique_name("both/ways");
  Client client(shared_broker());
  Client publisher(shared_broker());
  client.subscribe(topic, 2);
  publisher.publish({.topic = topic, .qos = 2});
  const Message message = client.receive();
  const unsigned id = message.packet_id;
  client.send(encode(Version::v5, Publish{.topic = "other", .qos = 2, .packet_id = id}));
  CHECK(client.receive_ack(PacketType::pubrec).packet_id == id);
  client.send(encode_ack(PacketType::pubrec, id));
  CHECK(client.receive_ack(PacketType::pubrel).packet_id == id);
  client.send(encode_ack(PacketType::pubrel, id));
  CHECK(client.receive_ack(PacketType::pubcomp).packet_id == id);
  client.send(encode_ack(PacketType::pubcomp, id));
  client.expect_nothing();
}

TEST_CASE("[MQTT-2.1.3-1] packets may come in pieces or many at once, cut anywhere") {
  for (const Version version : kAllVersions) {
    CAPTURE(version);
    const std::string topic = unique_name("pieces");
    RawClient client(shared_broker().port());
    std::string bytes = encode(Connect{.version = version, .client_id = unique_name("pieces")});
    bytes += encode_subscribe(version, 1, {{topic, 1}});
    for (unsigned id = 1; id <= 3; ++id) {
      bytes += encode(version, Publish{.topic = topic, .payload = std::string(200, 'p'), .qos = 1, .packet_id = id});
    }
    for (const char byte : bytes) client.send({&byte, 1});
    parse_connack(version, client.read_packet());
    client.await(PacketType::suback);
    for (unsigned id = 1; id <= 3; ++id) {
      CHECK(parse_ack(version, client.await(PacketType::puback)).packet_id == id);
    }
    for (unsigned id = 1; id <= 3; ++id) {
      CHECK(parse_publish(version, client.read_packet()).payload == std::string(200, 'p'));
    }
  }
}

}  // namespace bramble::testing
