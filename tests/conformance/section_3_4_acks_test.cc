#include <algorithm>
#include <doctest/doctest.h>

#include "tests/support/client.h"

// Sections 3.4 to 3.7: PUBACK, PUBREC, PUBREL, PUBCOMP.
namespace bramble::testing {
namespace {

/// A message in flight at `qos` to a new client.
Message in_flight(Client& subscriber, unsigned qos) {
  const std::string topic = unique_name("acks");
  subscriber.subscribe(topic, qos);
  Client(shared_broker(), subscriber.version()).publish({.topic = topic, .payload = "x", .qos = qos});
  return subscriber.receive();
}

bool one_of(std::uint8_t code, std::initializer_list<std::uint8_t> codes) {
  return std::find(codes.begin(), codes.end(), code) != codes.end();
}

}  // namespace

TEST_CASE("[MQTT-3.4.2-1] [MQTT-3.5.2-1] [MQTT-3.7.2-1] acknowledgements carry Reason Codes of their packet") {
  Client client(shared_broker());
  const std::string topic = unique_name("codes");
  for (int subscribed = 0; subscribed < 2; ++subscribed) {
    client.send(encode(Version::v5, Publish{.topic = topic, .qos = 1, .packet_id = 1}));
    CHECK(one_of(parse_ack(Version::v5, client.await(PacketType::puback)).code, {0x00, 0x10}));
    client.send(encode(Version::v5, Publish{.topic = topic, .qos = 2, .packet_id = 2}));
    CHECK(one_of(parse_ack(Version::v5, client.await(PacketType::pubrec)).code, {0x00, 0x10}));
    client.send(encode_ack(PacketType::pubrel, 2));
    CHECK(parse_ack(Version::v5, client.await(PacketType::pubcomp)).code == 0);
    client.subscribe(topic);
  }
}

TEST_CASE("[MQTT-3.7.2-1] [MQTT-4.3.3-11] a PUBREL that belongs to nothing is answered with a PUBCOMP that says so") {
  Client v5(shared_broker());
  v5.send(encode_ack(PacketType::pubrel, 4711));
  const Ack pubcomp = v5.receive_ack(PacketType::pubcomp);
  CHECK(pubcomp.packet_id == 4711);
  CHECK(pubcomp.code == 0x92);
  Client v3(shared_broker(), Version::v3_1_1);
  v3.send(encode_ack(PacketType::pubrel, 4711));
  CHECK(v3.receive_ack(PacketType::pubcomp).packet_id == 4711);
}

TEST_CASE("[MQTT-3.6.2-1] a PUBREC that belongs to nothing is answered with a PUBREL that says so") {
  Client v5(shared_broker());
  v5.send(encode_ack(PacketType::pubrec, 4711));
  const Ack pubrel = v5.receive_ack(PacketType::pubrel);
  CHECK(pubrel.packet_id == 4711);
  CHECK(pubrel.code == 0x92);
}

TEST_CASE("[MQTT-3.6.2-1] [MQTT-4.3.3-4] a PUBREL has the Packet Identifier of the PUBREC and Reason Code 0") {
  for (const Version version : kAllVersions) {
    CAPTURE(version);
    Client client(shared_broker(), version);
    const Message message = in_flight(client, 2);
    client.send(encode_ack(PacketType::pubrec, message.packet_id));
    client.expect("62 02"_hex + u16(message.packet_id));
    client.send(encode_ack(PacketType::pubcomp, message.packet_id));
    client.expect_nothing();
  }
}

TEST_CASE("[MQTT-2.2.2-1] acknowledgements of MQTT 5 may come short, with a Reason Code, or with properties") {
  const std::string tails[] = {"", "00"_hex, "00 00"_hex, "00 07 26 0001 'k' 0001 'v'"_hex, "00 04 1F 0001 'r'"_hex};
  for (const std::string& tail : tails) {
    CAPTURE(to_hex(tail));
    Client client(shared_broker());
    Message message = in_flight(client, 1);
    client.send(packet(0x40, u16(message.packet_id) + tail));
    client.expect_nothing();
    message = in_flight(client, 2);
    client.send(packet(0x50, u16(message.packet_id) + tail));
    CHECK(client.receive_ack(PacketType::pubrel).code == 0);
    client.send(packet(0x70, u16(message.packet_id) + tail));
    client.expect_nothing();
    client.send(encode(Version::v5, Publish{.topic = "in", .qos = 2, .packet_id = 9}));
    client.receive_ack(PacketType::pubrec);
    client.send(packet(0x62, u16(9) + tail));
    CHECK(client.receive_ack(PacketType::pubcomp).code == 0);
  }
}

TEST_CASE("[MQTT-4.13.1-1] [3.1.1: MQTT-4.8.0-1] acknowledgements of the wrong size close the connection") {
  for (const Version version : kSince311) {
    for (const std::string& first : {"40"_hex, "50"_hex, "62"_hex, "70"_hex}) {
      for (const std::string& rest : {"00"_hex, "01 00"_hex}) {
        CAPTURE(version);
        CAPTURE(to_hex(first + rest));
        Client client(shared_broker(), version);
        client.send(first + rest);
        client.expect_refusal(version, 0x81);
      }
    }
  }
}

TEST_CASE("[MQTT-4.13.1-1] acknowledgements with properties that are not theirs close the connection") {
  for (const std::string& tail : {"00 03 23 0001"_hex, "00 05 11 00000001"_hex, "00 08 1F 0001 'a' 1F 0001 'a'"_hex,
                                  "00 04 1F 0005 'a'"_hex, "00 05 1F 0001 'a'"_hex}) {
    for (const unsigned first : {0x40u, 0x50u, 0x62u, 0x70u}) {
      CAPTURE(to_hex(tail));
      Client client(shared_broker());
      client.send(packet(first, "0001"_hex + tail));
      client.expect_disconnect({0x81, 0x82});
    }
  }
}

TEST_CASE(
    "[MQTT-4.13.1-1] [MQTT-3.4.2-1] an acknowledgement with a Reason Code that is not its own closes the "
    "connection") {
  Client puback(shared_broker());
  const Message one = in_flight(puback, 1);
  puback.send(encode_ack(PacketType::puback, one.packet_id, 0x01));
  puback.expect_disconnect({0x81, 0x82});
  Client pubrel(shared_broker());
  pubrel.send(encode(Version::v5, Publish{.topic = "in", .qos = 2, .packet_id = 9}));
  pubrel.receive_ack(PacketType::pubrec);
  pubrel.send(encode_ack(PacketType::pubrel, 9, 0x10));
  pubrel.expect_disconnect({0x81, 0x82});
}

TEST_CASE("[MQTT-4.4.0-2] [MQTT-3.3.4-9] a PUBACK or PUBREC of 0x80 or above ends the exchange") {
  const std::string id = unique_name("negative");
  Connect connect = persistent(Version::v5, id);
  connect.properties += property(Prop::receive_maximum, 1);
  Client subscriber(shared_broker(), connect);
  subscriber.subscribe(id, 2);
  Client publisher(shared_broker());
  for (const unsigned qos : {1u, 2u, 2u}) publisher.publish({.topic = id, .payload = "x", .qos = qos});
  const Message one = subscriber.receive();
  subscriber.send(encode_ack(PacketType::puback, one.packet_id, 0x87));
  const Message two = subscriber.receive();
  CHECK(two.qos == 2);
  subscriber.send(encode_ack(PacketType::pubrec, two.packet_id, 0x80));
  const Message three = subscriber.receive();  // no PUBREL before it
  subscriber.send(encode_ack(PacketType::pubrec, three.packet_id, 0x97));
  subscriber.expect_nothing();
  subscriber.drop();
  Client(shared_broker(), connect).expect_nothing();
}

TEST_CASE(
    "[MQTT-3.4.2-2] [MQTT-3.4.2-3] [MQTT-3.5.2-2] [MQTT-3.5.2-3] [MQTT-3.6.2-2] [MQTT-3.6.2-3] [MQTT-3.7.2-2] "
    "[MQTT-3.7.2-3] [MQTT-3.9.2-1] [MQTT-3.9.2-2] [MQTT-3.11.2-1] [MQTT-3.11.2-2] [MQTT-3.1.2-24] answers keep "
    "within a small Maximum Packet Size") {
  static constexpr std::size_t kSizeMax = 24;
  Client client(shared_broker(), Connect{.properties = property(Prop::maximum_packet_size, kSizeMax)});
  const auto check_size = [](const RawPacket& packet) { CHECK(packet.bytes.size() <= kSizeMax); };
  client.send(encode(Version::v5, Publish{.topic = "nobody", .qos = 1, .packet_id = 1}));
  check_size(client.await(PacketType::puback));
  client.send(encode(Version::v5, Publish{.topic = "nobody", .qos = 2, .packet_id = 2}));
  check_size(client.await(PacketType::pubrec));
  client.send(encode_ack(PacketType::pubrel, 2));
  check_size(client.await(PacketType::pubcomp));
  client.send(encode_ack(PacketType::pubrel, 3));
  check_size(client.await(PacketType::pubcomp));
  client.send(encode_ack(PacketType::pubrec, 4));
  check_size(client.await(PacketType::pubrel));
  client.send(encode_subscribe(Version::v5, 5, {{"small", 2}}));
  check_size(client.await(PacketType::suback));
  client.send(encode_unsubscribe(Version::v5, 6, {"small", "never"}));
  check_size(client.await(PacketType::unsuback));
}

}  // namespace bramble::testing
