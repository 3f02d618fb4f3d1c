#include <doctest/doctest.h>

#include "tests/support/client.h"

// Section 3.2: CONNACK.
namespace bramble::testing {

TEST_CASE(
    "[MQTT-3.2.0-1] [MQTT-3.2.0-2] [MQTT-3.2.2-1] [MQTT-3.1.4-5] [3.1.1: MQTT-3.2.0-1] [3.1.1: MQTT-3.1.4-4] the first "
    "packet is a CONNACK of success, and it is the only one, whatever waits in the session") {
  for (const Version version : kSince311) {
    CAPTURE(version);
    const std::string id = unique_name("first");
    Client(shared_broker(), persistent(version, id)).subscribe(id, 1);
    Client(shared_broker(), persistent(version, id)).disconnect();
    Client(shared_broker(), version).publish({.topic = id, .payload = "waiting", .qos = 1});
    RawClient client(shared_broker().port());
    client.send(encode(persistent(version, id)));
    const RawPacket first = client.read_packet();
    CHECK(first.first == 0x20);
    CHECK(first.body.substr(0, 2) == "01 00"_hex);
    CHECK(parse_publish(version, client.read_packet()).payload == "waiting");
    client.expect_nothing();
  }
}

TEST_CASE("[3.1.1: MQTT-3.2.0-1] the CONNACK of 3.1 and 3.1.1 has two bytes") {
  for (const Version version : {Version::v3_1, Version::v3_1_1}) {
    RawClient client(shared_broker().port());
    client.send(encode(Connect{.version = version, .client_id = unique_name("two")}));
    client.expect("20 02 00 00"_hex);
  }
}

TEST_CASE("[MQTT-3.2.0-1] [MQTT-3.2.2-8] by default a CONNACK announces what mosquitto 2.1 announces, in its order") {
  if (!shared_broker().is_bramble()) return;
  RawClient client(shared_broker().port());
  client.send(encode(Connect{.client_id = unique_name("announced")}));
  client.expect("20 0E 00 00 0B  22 000A  27 001E8480  21 0014"_hex);
}

TEST_CASE(
    "[MQTT-3.2.2-6] [MQTT-3.2.2-7] [MQTT-3.2.2-8] [3.1.1: MQTT-3.2.2-4] [3.1.1: MQTT-3.2.2-5] a CONNACK of "
    "failure has Session Present 0 and is the last packet, even when there is a session") {
  Broker broker("retain_available false");
  const std::string id = unique_name("refused");
  Client(broker, persistent(Version::v5, id)).disconnect();
  Connect connect = persistent(Version::v5, id);
  connect.will = Will{.topic = "will", .retain = true};
  RawClient client(broker.port());
  const Connack connack = try_connect(client, connect);
  CHECK(connack.code == 0x9A);
  CHECK_FALSE(connack.session_present);
  client.expect_close();
}

TEST_CASE(
    "[MQTT-3.2.2-9] [MQTT-3.2.2-10] a Maximum QoS is announced, a higher SUBSCRIBE accepted, a higher PUBLISH not") {
  for (const unsigned maximum : {0u, 1u}) {
    CAPTURE(maximum);
    Broker broker("max_qos " + std::to_string(maximum));
    const std::string topic = unique_name("max/qos");
    Client client(broker);
    CHECK(client.connack().properties.number(Prop::maximum_qos) == maximum);
    for (const unsigned asked : {0u, 1u, 2u}) {
      const std::vector<std::uint8_t> codes = client.subscribe(std::vector<Filter>{{topic, asked}});
      REQUIRE(codes.size() == 1);
      CHECK(codes[0] <= asked);
    }
    client.publish({.topic = topic, .payload = "allowed", .qos = maximum});
    CHECK(client.take().payload == "allowed");
    client.send(encode(Version::v5, Publish{.topic = topic, .qos = maximum + 1, .packet_id = 1}));
    client.expect_disconnect(0x9B);
  }
}

TEST_CASE("[MQTT-3.2.2-9] without a limit no Maximum QoS is announced, and never 2") {
  CHECK_FALSE(Client(shared_broker()).connack().properties.has(Prop::maximum_qos));
}

TEST_CASE("[MQTT-3.2.2-12] a Will QoS above the maximum refuses the CONNECT") {
  Broker broker("max_qos 1");
  RawClient client(broker.port());
  CHECK(try_connect(client, {.client_id = "will", .will = Will{.topic = "will", .qos = 2}}).code == 0x9B);
  client.expect_close();
}

TEST_CASE(
    "[MQTT-3.2.2-13] where nothing is retained that is announced, a retained Will refuses the CONNECT and a "
    "retained PUBLISH closes the connection") {
  Broker broker("retain_available false");
  RawClient refused(broker.port());
  const Connect connect{.client_id = "will", .will = Will{.topic = "will", .retain = true}};
  CHECK(try_connect(refused, connect).code == 0x9A);
  refused.expect_close();
  Client client(broker);
  CHECK(client.connack().properties.number(Prop::retain_available) == 0);
  client.send(encode(Version::v5, Publish{.topic = "kept", .retain = true}));
  client.expect_disconnect(0x9A);
}

TEST_CASE(
    "[MQTT-3.2.2-22] [MQTT-3.1.2-22] a Keep Alive above the broker's limit is answered with a Server Keep Alive, "
    "which then counts") {
  Broker broker("max_keepalive 10");
  CHECK(Client(broker, Connect{.keep_alive = 60}).connack().properties.number(Prop::server_keep_alive) == 10);
  CHECK(Client(broker, Connect{.keep_alive = 0}).connack().properties.number(Prop::server_keep_alive) == 10);
}

TEST_CASE("[MQTT-3.2.2-22] a Keep Alive within the limits is the client's own") {
  Broker broker("max_keepalive 10");
  Client client(broker, Connect{.keep_alive = 1});
  CHECK(client.connack().properties.number(Prop::server_keep_alive).value_or(1) == 1);
  client.expect_disconnect(0x8D);
}

TEST_CASE("[MQTT-3.2.2-16] an Assigned Client Identifier is only sent to who came without one") {
  CHECK_FALSE(Client(shared_broker()).connack().properties.has(Prop::assigned_client_identifier));
}

TEST_CASE(
    "[MQTT-3.2.2-19] [MQTT-3.2.2-20] [MQTT-3.1.2-24] a CONNACK does not exceed the client's Maximum Packet Size "
    "for words of explanation") {
  Broker broker("allow_anonymous false");
  RawClient client(broker.port());
  client.send(encode(Connect{.client_id = "small", .properties = property(Prop::maximum_packet_size, 24)}));
  const std::optional<RawPacket> connack = client.read_packet_or_close();
  if (!connack) return;  // as good an answer
  CHECK(connack->bytes.size() <= 24);
  const Connack refusal = parse_connack(Version::v5, *connack);
  CHECK(refusal.code == 0x87);
  client.expect_close();
}

TEST_CASE(
    "[MQTT-3.1.2-24] a client whose Maximum Packet Size leaves no room for the CONNACK gets none that is larger") {
  for (const std::uint32_t size_max : {1u, 4u, 5u, 15u}) {
    CAPTURE(size_max);
    RawClient client(shared_broker().port());
    client.send(encode(Connect{.properties = property(Prop::maximum_packet_size, size_max)}));
    const std::optional<RawPacket> connack = client.read_packet_or_close();
    if (connack) CHECK(connack->bytes.size() <= size_max);
  }
}

TEST_CASE("[MQTT-3.2.2-2] a granted Session Expiry Interval that differs from the one asked for is told") {
  Client client(shared_broker(), Connect{.properties = property(Prop::session_expiry, 100)});
  CHECK(client.connack().properties.number(Prop::session_expiry).value_or(100) <= 100);
}

}  // namespace bramble::testing
