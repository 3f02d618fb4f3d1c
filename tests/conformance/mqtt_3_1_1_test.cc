#include <doctest/doctest.h>

#include "tests/support/client.h"

// MQTT 3.1.1: what differs from 5.0. Clauses that say the same in both are tested together with 5.0's.
namespace bramble::testing {
namespace {

constexpr Version kV4 = Version::v3_1_1;

}  // namespace

TEST_CASE("[3.1.1: MQTT-3.1.2-1] [3.1.1: MQTT-3.1.2-2] a client of 3.1.1 is answered in 3.1.1") {
  RawClient client(shared_broker().port());
  client.send("10 0F 0004 'MQTT' 04 02 003C 0003 'abc'"_hex);
  client.expect("20 02 00 00"_hex);
}

TEST_CASE("[3.1.1: MQTT-3.1.2-22] a Password without a User Name refuses the CONNECT") {
  const Connect connect{.version = kV4, .client_id = unique_name("password"), .password = "p"};
  expect_connect_refused(shared_broker(), kV4, encode(connect), {});
}

TEST_CASE(
    "[3.1.1: MQTT-3.1.3-6] [3.1.1: MQTT-3.1.3-7] a Client Identifier of no bytes is made up when Clean Session is 1") {
  RawClient first(shared_broker().port());
  RawClient second(shared_broker().port());
  for (RawClient* client : {&first, &second}) {
    client->send(encode(Connect{.version = kV4}));
    client->expect("20 02 00 00"_hex);
  }
  first.expect_nothing();  // not taken over by the second
  second.expect_nothing();
}

TEST_CASE(
    "[3.1.1: MQTT-3.1.3-8] [3.1.1: MQTT-3.2.2-4] [3.1.1: MQTT-3.2.2-5] a Client Identifier of no bytes with Clean "
    "Session 0 is refused with return code 2") {
  RawClient client(shared_broker().port());
  client.send(encode(Connect{.version = kV4, .clean_start = false}));
  client.expect("20 02 00 02"_hex);
  client.expect_close();
}

TEST_CASE("[3.1.1: MQTT-3.1.2-6] [3.1.1: MQTT-3.2.2-1] a session of Clean Session 1 ends with its connection") {
  const std::string id = unique_name("v311/clean");
  Client(shared_broker(), Connect{.version = kV4, .client_id = id}).subscribe(id, 1);
  Client back(shared_broker(), persistent(kV4, id));
  CHECK_FALSE(back.connack().session_present);
  back.publish({.topic = id, .qos = 1});
  back.expect_nothing();
}

TEST_CASE("[3.1.1: MQTT-3.1.2-4] [3.1.1: MQTT-3.1.2-5] a session of Clean Session 0 has no end of its own") {
  const std::string id = unique_name("v311/kept");
  Client(shared_broker(), persistent(kV4, id)).drop();
  let_pass(std::chrono::milliseconds(1100));
  CHECK(Client(shared_broker(), persistent(kV4, id)).connack().session_present);
}

TEST_CASE("[3.1.1: MQTT-3.2.2-6] a refusal that 3.1.1 has no return code for closes the connection without a CONNACK") {
  Broker broker("max_qos 1");
  RawClient client(broker.port());
  client.send(encode(Connect{.version = kV4, .client_id = "will", .will = Will{.topic = "will", .qos = 2}}));
  const std::optional<RawPacket> packet = client.read_packet_or_close();
  if (!packet) return;
  const Connack connack = parse_connack(kV4, *packet);  // a return code that exists is as good
  CHECK(connack.code >= 1);
  CHECK(connack.code <= 5);
  client.expect_close();
}

TEST_CASE("[3.1.1: MQTT-3.3.1-7] a retained message of QoS 0 replaces the one before it") {
  const std::string topic = unique_name("v311/retained");
  Client publisher(shared_broker(), kV4);
  publisher.publish({.topic = topic, .payload = "old", .qos = 1, .retain = true});
  publisher.publish({.topic = topic, .payload = "new", .qos = 0, .retain = true});
  Client later(shared_broker(), kV4);
  later.subscribe(topic);
  for (const Message& message : later.drain()) CHECK(message.payload == "new");
}

TEST_CASE("[3.1.1: MQTT-3.8.3-2] Topic Filters with wildcards are supported") {
  Client client(shared_broker(), kV4);
  const std::string topic = unique_name("v311/wildcards");
  client.subscribe(topic + "/+/#");
  client.publish({.topic = topic + "/a/b", .payload = "x"});
  CHECK(client.receive().payload == "x");
}

TEST_CASE("[3.1.1: MQTT-3.8.4-3] a SUBSCRIBE again brings the retained messages again") {
  const std::string topic = unique_name("v311/again");
  Client client(shared_broker(), kV4);
  client.publish({.topic = topic, .payload = "kept", .qos = 1, .retain = true});
  for (int i = 0; i < 3; ++i) {
    client.subscribe(topic);
    CHECK(client.receive().retain);
    client.expect_nothing();
  }
}

TEST_CASE(
    "[3.1.1: MQTT-4.7.1-1] [3.1.1: MQTT-3.3.2-2] a message of MQTT 5 reaches a client of 3.1.1 without its "
    "properties") {
  const std::string topic = unique_name("v311/plain");
  Client subscriber(shared_broker(), kV4);
  Client publisher(shared_broker());
  subscriber.subscribe(topic);
  publisher.publish({.topic = topic,
                     .payload = "x",
                     .properties = property(Prop::user, "k", "v") + property(Prop::message_expiry, 100) +
                                   property(Prop::topic_alias, 1)});
  publisher.publish({.payload = "y", .properties = property(Prop::topic_alias, 1)});
  const auto size = static_cast<std::uint32_t>(2 + topic.size() + 1);
  subscriber.expect("30"_hex + var_int(size) + prefixed(topic) + "x" + "30"_hex + var_int(size) + prefixed(topic) +
                    "y");
}

TEST_CASE("[3.1.1: MQTT-4.8.0-1] acknowledgements of 3.1.1 have no Reason Code") {
  for (const std::string& bytes : {"40 03 0001 00"_hex, "62 03 0001 00"_hex, "70 04 0001 00 00"_hex}) {
    CAPTURE(to_hex(bytes));
    Client sender(shared_broker(), kV4);
    sender.send(bytes);
    sender.expect_close();
  }
}

TEST_CASE(
    "[3.1.1: MQTT-3.1.2-24] a Keep Alive above the broker's limit cannot be told to a client of 3.1.1: it is refused") {
  Broker broker("max_keepalive 10");
  for (const unsigned keep_alive : {0u, 60u}) {
    CAPTURE(keep_alive);
    RawClient client(broker.port());
    client.send(encode(Connect{.version = kV4, .client_id = "long", .keep_alive = keep_alive}));
    client.expect("20 02 00 02"_hex);
    client.expect_close();
  }
  CHECK(Client(broker, Connect{.version = kV4, .keep_alive = 10}).connack().code == 0);
}

TEST_CASE(
    "[3.1.1: MQTT-3.3.5-2] a broker that retains nothing handles a retained PUBLISH of 3.1.1 in one of two ways") {
  Broker broker("retain_available false");
  Client client(broker, kV4);
  client.send(encode(kV4, Publish{.topic = "kept", .payload = "x", .qos = 1, .retain = true, .packet_id = 1}));
  const std::optional<RawPacket> packet = client.read_packet_or_close();
  if (packet) CHECK(packet->bytes == "40 02 0001"_hex);
}

}  // namespace bramble::testing
