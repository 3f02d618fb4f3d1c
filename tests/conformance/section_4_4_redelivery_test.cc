#include <algorithm>
#include <doctest/doctest.h>

#include "tests/support/client.h"

// Sections 4.4 and 4.6: delivery retry and message ordering.
namespace bramble::testing {

TEST_CASE(
    "[MQTT-4.4.0-1] [MQTT-3.3.1-1] [MQTT-4.6.0-1] [3.1.1: MQTT-4.4.0-1] [3.1.1: MQTT-3.3.1-1] [3.1.1: MQTT-4.6.0-1] "
    "after a reconnect what was unacknowledged comes again: same identifiers, DUP, the original order") {
  for (const Version version : kSince311) {
    CAPTURE(version);
    const std::string id = unique_name("again");
    Client first(shared_broker(), persistent(version, id));
    first.subscribe(id, 2);
    Client publisher(shared_broker(), version);
    for (unsigned i = 0; i < 8; ++i) publisher.publish({.topic = id, .payload = std::to_string(i), .qos = 1 + i % 2});
    const std::vector<Message> sent = first.drain();
    REQUIRE(sent.size() == 8);
    first.acknowledge(sent[2]);
    first.ping();
    first.drop();
    publisher.publish({.topic = id, .payload = "new", .qos = 1});
    Client back(shared_broker(), persistent(version, id));
    for (unsigned i = 0; i < 8; ++i) {
      if (i == 2) continue;
      const Message again = back.take();
      CHECK(again.payload == sent[i].payload);
      CHECK(again.packet_id == sent[i].packet_id);
      CHECK(again.qos == sent[i].qos);
      CHECK(again.dup);
    }
    const Message fresh = back.take();
    CHECK(fresh.payload == "new");
    CHECK_FALSE(fresh.dup);
    back.expect_nothing();
  }
}

TEST_CASE(
    "[MQTT-4.4.0-1] [MQTT-4.6.0-1] [3.1.1: MQTT-4.4.0-1] PUBRELs and PUBLISHes come again in the order of their "
    "messages, before anything new") {
  for (const Version version : kSince311) {
    CAPTURE(version);
    const std::string id = unique_name("mixed");
    Client first(shared_broker(), persistent(version, id));
    first.subscribe(id, 2);
    Client publisher(shared_broker(), version);
    for (const char* payload : {"0", "1", "2"}) publisher.publish({.topic = id, .payload = payload, .qos = 2});
    const std::vector<Message> sent = first.drain();
    REQUIRE(sent.size() == 3);
    first.send(encode_ack(PacketType::pubrec, sent[1].packet_id));
    first.receive_ack(PacketType::pubrel);
    first.drop();
    publisher.publish({.topic = id, .payload = "3", .qos = 2});
    Client back(shared_broker(), persistent(version, id));
    std::vector<std::string> came;
    for (int i = 0; i < 4; ++i) {
      const RawPacket packet = back.read_packet();
      if (packet.type() == PacketType::pubrel) CHECK(parse_ack(version, packet).packet_id == sent[1].packet_id);
      came.push_back(packet.type() == PacketType::pubrel ? "PUBREL" : parse_publish(version, packet).payload);
    }
    // The order among PUBLISHes is the standard's; where the PUBREL stands between them is not said.
    CHECK(std::count(came.begin(), came.end(), "PUBREL") == 1);
    came.erase(std::remove(came.begin(), came.end(), "PUBREL"), came.end());
    CHECK(came == std::vector<std::string>{"0", "2", "3"});
  }
}

TEST_CASE("[MQTT-4.4.0-1] nothing is sent again while the connection lasts") {
  const std::string topic = unique_name("patience");
  Client client(shared_broker());
  client.subscribe(topic, 2);
  client.publish({.topic = topic, .payload = "x", .qos = 1});
  client.publish({.topic = topic, .payload = "x", .qos = 2});
  CHECK(client.drain().size() == 2);
  let_pass(std::chrono::milliseconds(1500));
  client.expect_nothing();
}

TEST_CASE("[MQTT-4.4.0-1] a takeover resends as any reconnect does") {
  const std::string id = unique_name("takeover");
  Client old(shared_broker(), persistent(Version::v5, id));
  old.subscribe(id, 1);
  Client(shared_broker()).publish({.topic = id, .payload = "x", .qos = 1});
  const Message sent = old.receive();
  Client now(shared_broker(), persistent(Version::v5, id));
  const Message again = now.take();
  CHECK(again.packet_id == sent.packet_id);
  CHECK(again.dup);
  now.expect_nothing();
}

TEST_CASE("[MQTT-4.4.0-1] [MQTT-3.1.2-4] after a clean start nothing comes again") {
  const std::string id = unique_name("clean");
  Client first(shared_broker(), persistent(Version::v5, id));
  first.subscribe(id, 2);
  Client publisher(shared_broker());
  for (const unsigned qos : {1u, 2u}) publisher.publish({.topic = id, .payload = "x", .qos = qos});
  CHECK(first.drain().size() == 2);
  first.drop();
  Client(shared_broker(), Connect{.client_id = id}).expect_nothing();
}

TEST_CASE("[MQTT-4.4.0-1] [MQTT-3.3.4-9] a reconnect with a smaller Receive Maximum is held to it while resending") {
  const std::string id = unique_name("smaller");
  Client first(shared_broker(), persistent(Version::v5, id));
  first.subscribe(id, 1);
  Client publisher(shared_broker());
  for (unsigned i = 0; i < 6; ++i) publisher.publish({.topic = id, .payload = std::to_string(i), .qos = 1});
  CHECK(first.drain().size() == 6);
  first.drop();
  Connect connect = persistent(Version::v5, id);
  connect.properties += property(Prop::receive_maximum, 2);
  Client back(shared_broker(), connect);
  CHECK(back.drain().size() == 2);
}

TEST_CASE(
    "[MQTT-4.6.0-5] [MQTT-4.6.0-6] [3.1.1: MQTT-4.6.0-5] [3.1.1: MQTT-4.6.0-6] messages of one client to one topic "
    "arrive in their order, at every QoS") {
  constexpr unsigned kMessages = 500;
  for (const Version version : kAllVersions) {
    for (const unsigned qos : {0u, 1u, 2u}) {
      CAPTURE(version);
      CAPTURE(qos);
      const std::string topic = unique_name("ordered");
      Client exact(shared_broker(), version);
      Client wildcard(shared_broker(), version);
      Client publisher(shared_broker(), version);
      exact.subscribe(topic, qos);
      wildcard.subscribe(topic + "/#", qos);
      for (unsigned i = 0; i < kMessages; i += 10) {
        std::string burst;
        for (unsigned j = i; j < i + 10; ++j) {
          burst +=
              encode(version, Publish{.topic = topic, .payload = std::to_string(j), .qos = qos, .packet_id = j + 1});
        }
        publisher.send(burst);
        const auto receive_ten = [&publisher](PacketType type) {
          for (int j = 0; j < 10; ++j) publisher.receive_ack(type);
        };
        if (qos == 1) receive_ten(PacketType::puback);
        if (qos == 2) {
          receive_ten(PacketType::pubrec);
          for (unsigned j = i; j < i + 10; ++j) publisher.send(encode_ack(PacketType::pubrel, j + 1));
          receive_ten(PacketType::pubcomp);
        }
        for (Client* client : {&exact, &wildcard}) {
          for (unsigned j = i; j < i + 10; ++j) REQUIRE(client->take().payload == std::to_string(j));
        }
      }
    }
  }
}

TEST_CASE("[MQTT-4.6.0-5] what one client saw acknowledged comes before what another publishes after it") {
  const std::string topic = unique_name("causal");
  Client subscriber(shared_broker(), Connect{.properties = property(Prop::receive_maximum, 1000)});
  Client one(shared_broker());
  Client two(shared_broker());
  subscriber.subscribe(topic, 1);
  for (int i = 0; i < 200; ++i) {
    one.publish({.topic = topic, .payload = "on", .qos = 1});
    two.publish({.topic = topic, .payload = "off", .qos = 1});
    REQUIRE(subscriber.take().payload == "on");
    REQUIRE(subscriber.take().payload == "off");
  }
}

TEST_CASE(
    "[MQTT-4.6.0-2] [MQTT-4.6.0-3] [3.1.1: MQTT-4.6.0-2] [3.1.1: MQTT-4.6.0-3] [3.1.1: MQTT-4.6.0-4] the broker "
    "acknowledges in the order in which packets came") {
  for (const Version version : kAllVersions) {
    CAPTURE(version);
    Client client(shared_broker(), version);
    const std::string topic = unique_name("acked");
    std::string burst;
    for (unsigned i = 1; i <= 10; ++i) {
      burst += encode(version, Publish{.topic = topic, .qos = 1, .packet_id = 100 - i});
      burst += encode(version, Publish{.topic = topic, .qos = 2, .packet_id = 200 - i});
    }
    client.send(burst);
    for (unsigned i = 1; i <= 10; ++i) {
      CHECK(client.receive_ack(PacketType::puback).packet_id == 100 - i);
      CHECK(client.receive_ack(PacketType::pubrec).packet_id == 200 - i);
    }
    client.subscribe(topic, 2);
    for (int i = 0; i < 4; ++i) Client(shared_broker(), version).publish({.topic = topic, .qos = 2});
    const std::vector<Message> messages = client.drain();
    REQUIRE(messages.size() == 4);
    for (const unsigned i : {3u, 0u, 2u, 1u}) client.send(encode_ack(PacketType::pubrec, messages[i].packet_id));
    for (const unsigned i : {3u, 0u, 2u, 1u}) {
      CHECK(client.receive_ack(PacketType::pubrel).packet_id == messages[i].packet_id);
    }
  }
}

TEST_CASE("[MQTT-4.5.0-1] a message is delivered to every client that subscribes to it, once to each") {
  const std::string topic = unique_name("everyone");
  std::vector<Client> clients;
  for (int i = 0; i < 40; ++i) {
    clients.emplace_back(shared_broker(), kAllVersions[i % 3]);
    clients.back().subscribe(i % 2 ? topic : topic + "/#", 1);
  }
  Client publisher(shared_broker());
  for (int i = 0; i < 10; ++i) publisher.publish({.topic = topic, .payload = std::to_string(i), .qos = 1});
  for (Client& client : clients) {
    for (int i = 0; i < 10; ++i) CHECK(client.take().payload == std::to_string(i));
    client.expect_nothing();
  }
}

}  // namespace bramble::testing
