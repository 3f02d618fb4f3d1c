#include <algorithm>
#include <doctest/doctest.h>
#include <map>
#include <set>

#include "tests/support/client.h"

// Section 3.3.1.3: retained messages.
namespace bramble::testing {
namespace {

void retain(const std::string& topic, const std::string& payload, unsigned qos = 1) {
  Client(shared_broker()).publish({.topic = topic, .payload = payload, .qos = qos, .retain = true});
}

}  // namespace

TEST_CASE(
    "[MQTT-3.3.1-5] [3.1.1: MQTT-3.3.1-5] [3.1.1: MQTT-3.3.1-6] [3.1.1: MQTT-3.3.1-8] a retained PUBLISH replaces "
    "the one before it on its topic, at any QoS") {
  for (const Version version : kAllVersions) {
    for (const unsigned qos : {0u, 1u, 2u}) {
      CAPTURE(version);
      CAPTURE(qos);
      const std::string topic = unique_name("lamp");
      Client publisher(shared_broker(), version);
      publisher.publish({.topic = topic, .payload = "on", .qos = 2, .retain = true});
      publisher.publish({.topic = topic, .payload = "off", .qos = qos, .retain = true});
      Client later(shared_broker(), version);
      later.subscribe(topic, 2);
      const Message retained = later.take();
      CHECK(retained.payload == "off");
      CHECK(retained.retain);
      CHECK(retained.qos == qos);
      CHECK_FALSE(retained.dup);
      later.expect_nothing();
    }
  }
}

TEST_CASE(
    "[MQTT-3.3.1-6] [MQTT-3.3.1-7] [3.1.1: MQTT-3.3.1-10] [3.1.1: MQTT-3.3.1-11] an empty retained PUBLISH removes "
    "the retained message, and is delivered as any other") {
  for (const Version version : kAllVersions) {
    CAPTURE(version);
    const std::string topic = unique_name("removed");
    Client subscriber(shared_broker(), version);
    Client publisher(shared_broker(), version);
    publisher.publish({.topic = topic, .payload = "on", .qos = 1, .retain = true});
    subscriber.subscribe(topic, 1);
    CHECK(subscriber.take().payload == "on");
    publisher.publish({.topic = topic, .qos = 1, .retain = true});
    const Message empty = subscriber.take();
    CHECK(empty.payload.empty());
    CHECK_FALSE(empty.retain);
    Client later(shared_broker(), version);
    later.subscribe(topic, 1);
    later.expect_nothing();
  }
}

TEST_CASE("[MQTT-3.3.1-7] [3.1.1: MQTT-3.3.1-11] an empty retained PUBLISH where none was leaves nothing") {
  const std::string topic = unique_name("never");
  retain(topic, "");
  Client later(shared_broker());
  later.subscribe(topic);
  later.expect_nothing();
}

TEST_CASE("[MQTT-3.3.1-8] [3.1.1: MQTT-3.3.1-12] a PUBLISH without RETAIN neither keeps, replaces nor removes") {
  for (const Version version : kAllVersions) {
    CAPTURE(version);
    const std::string topic = unique_name("untouched");
    Client publisher(shared_broker(), version);
    publisher.publish({.topic = topic, .payload = "passing", .qos = 1});
    Client before(shared_broker(), version);
    before.subscribe(topic);
    before.expect_nothing();
    publisher.publish({.topic = topic, .payload = "kept", .qos = 1, .retain = true});
    publisher.publish({.topic = topic, .payload = "passing", .qos = 1});
    publisher.publish({.topic = topic, .qos = 1});
    Client after(shared_broker(), version);
    after.subscribe(topic);
    CHECK(after.receive().payload == "kept");
    after.expect_nothing();
  }
}

TEST_CASE(
    "[MQTT-3.3.1-9] [MQTT-3.8.4-4] [3.1.1: MQTT-3.3.1-6] [3.1.1: MQTT-3.8.4-3] Retain Handling 0 sends the retained "
    "messages at every SUBSCRIBE, for every filter that matches") {
  for (const Version version : kAllVersions) {
    CAPTURE(version);
    const std::string topic = unique_name("every");
    retain(topic + "/a", "a");
    retain(topic + "/b", "b");
    Client client(shared_broker(), version);
    for (int i = 0; i < 2; ++i) {
      client.subscribe(topic + "/#", 1);
      CHECK(client.take().retain);
      CHECK(client.take().retain);
      client.expect_nothing();
    }
  }
}

TEST_CASE("[MQTT-3.3.1-10] Retain Handling 1 sends the retained messages only when the subscription is new") {
  const std::string topic = unique_name("if/new");
  retain(topic, "kept");
  Client client(shared_broker());
  client.subscribe(topic, 1 | kRetainIfNew);
  CHECK(client.take().payload == "kept");
  client.subscribe(topic, 1 | kRetainIfNew);
  client.subscribe(topic, 0 | kRetainIfNew);
  client.expect_nothing();
  client.unsubscribe({topic});
  client.subscribe(topic, 1 | kRetainIfNew);
  CHECK(client.take().payload == "kept");
}

TEST_CASE("[MQTT-3.3.1-10] for a resumed session the subscription did exist") {
  const std::string id = unique_name("if/new/resumed");
  retain(id, "kept");
  Client(shared_broker(), persistent(Version::v5, id)).subscribe(id, 0 | kRetainNever);
  Client back(shared_broker(), persistent(Version::v5, id));
  back.subscribe(id, 0 | kRetainIfNew);
  back.expect_nothing();
}

TEST_CASE("[MQTT-3.3.1-11] Retain Handling 2 never sends the retained messages") {
  const std::string topic = unique_name("never/sent");
  retain(topic, "kept");
  Client client(shared_broker());
  client.subscribe(topic, 1 | kRetainNever);
  client.subscribe(topic, 1 | kRetainNever);
  client.expect_nothing();
}

TEST_CASE("[MQTT-3.3.1-12] [3.1.1: MQTT-3.3.1-9] to an established subscription RETAIN is 0") {
  for (const Version version : kAllVersions) {
    CAPTURE(version);
    const std::string topic = unique_name("established");
    Client subscriber(shared_broker(), version);
    Client publisher(shared_broker(), version);
    subscriber.subscribe(topic, 1);
    publisher.publish({.topic = topic, .payload = "x", .qos = 1, .retain = true});
    CHECK_FALSE(subscriber.take().retain);
    publisher.publish({.topic = topic, .payload = "x", .qos = 1});
    CHECK_FALSE(subscriber.take().retain);
  }
}

TEST_CASE(
    "[MQTT-3.3.1-12] what is published once SUBACK has come is no retained message, to a client that just came too") {
  Client publisher(shared_broker());
  for (int again = 0; again < 500; ++again) {
    const std::string topic = unique_name("after/suback");
    Client subscriber(shared_broker());
    subscriber.subscribe(topic, 1);
    publisher.publish({.topic = topic, .payload = "x", .qos = 1, .retain = true});
    CHECK_FALSE(subscriber.take().retain);
    subscriber.expect_nothing();
  }
}

TEST_CASE("[MQTT-3.3.1-13] with Retain As Published the flag goes out as it came") {
  const std::string topic = unique_name("as/published");
  Client subscriber(shared_broker());
  Client publisher(shared_broker());
  subscriber.subscribe(topic, 1 | kRetainAsPublished);
  publisher.publish({.topic = topic, .payload = "x", .qos = 1, .retain = true});
  CHECK(subscriber.take().retain);
  publisher.publish({.topic = topic, .payload = "x", .qos = 1});
  CHECK_FALSE(subscriber.take().retain);
}

TEST_CASE("[MQTT-3.3.1-9] a retained message sent for a SUBSCRIBE has RETAIN 1, with or without Retain As Published") {
  const std::string topic = unique_name("always/set");
  retain(topic, "kept");
  Client client(shared_broker());
  client.subscribe(topic, 0);
  CHECK(client.receive().retain);
  client.subscribe(topic, 0 | kRetainAsPublished);
  CHECK(client.receive().retain);
}

TEST_CASE("[MQTT-3.3.1-13] Retain As Published holds for what was queued while the client was away") {
  const std::string id = unique_name("as/published/queued");
  Client(shared_broker(), persistent(Version::v5, id)).subscribe(id, 1 | kRetainAsPublished);
  Client(shared_broker(), persistent(Version::v5, id)).disconnect();
  retain(id, "kept");
  Client(shared_broker()).publish({.topic = id, .payload = "passing", .qos = 1});
  Client back(shared_broker(), persistent(Version::v5, id));
  CHECK(back.take().retain);
  CHECK_FALSE(back.take().retain);
}

TEST_CASE(
    "[MQTT-4.1.0-2] [3.1.1: MQTT-3.1.2-7] retained messages belong to no session: they outlive their publisher's") {
  for (const Version version : kAllVersions) {
    const std::string topic = unique_name("outlives");
    Client publisher(shared_broker(), version);
    publisher.publish({.topic = topic, .payload = "kept", .qos = 1, .retain = true});
    publisher.disconnect();
    Client later(shared_broker(), version);
    later.subscribe(topic);
    CHECK(later.receive().payload == "kept");
  }
}

TEST_CASE("[MQTT-3.8.4-8] a retained message goes out at the lower of its QoS and the granted") {
  const std::string topic = unique_name("retained/qos");
  retain(topic, "two", 2);
  for (const unsigned granted : {0u, 1u, 2u}) {
    Client client(shared_broker());
    client.subscribe(topic, granted);
    CHECK(client.take().qos == granted);
  }
}

TEST_CASE("[MQTT-3.3.1-9] more retained messages than may be in flight all arrive, as they are acknowledged") {
  const std::string topic = unique_name("many");
  Client publisher(shared_broker());
  constexpr unsigned kMany = 200;
  for (unsigned i = 0; i < kMany; ++i) {
    publisher.publish(
        {.topic = topic + "/" + std::to_string(i), .payload = std::to_string(i), .qos = 1, .retain = true});
  }
  Client client(shared_broker(), Connect{.properties = property(Prop::receive_maximum, 5)});
  client.subscribe(topic + "/#", 1);
  std::vector<bool> seen(kMany);
  for (unsigned i = 0; i < kMany; ++i) {
    const Message message = client.take();
    CHECK(message.retain);
    seen[std::stoul(message.payload)] = true;
  }
  CHECK(std::count(seen.begin(), seen.end(), true) == kMany);
  client.expect_nothing();
}

TEST_CASE("[MQTT-3.3.1-9] retained messages that were not yet sent when the connection ended come on the next one") {
  const std::string id = unique_name("replay/resumed");
  constexpr unsigned kMany = 100;
  for (unsigned i = 0; i < kMany; ++i) retain(id + "/" + std::to_string(i), std::to_string(i));
  Connect connect = persistent(Version::v5, id);
  connect.properties += property(Prop::receive_maximum, 5);
  Client first(shared_broker(), connect);
  first.subscribe(id + "/#", 1);
  std::set<std::string> seen;
  for (int i = 0; i < 10; ++i) seen.insert(first.take().payload);
  first.ping();
  first.drop();
  Client back(shared_broker(), connect);
  while (seen.size() < kMany) seen.insert(back.take().payload);
  CHECK(seen.size() == kMany);
}

TEST_CASE("[MQTT-3.3.1-9] [MQTT-3.3.1-5] while retained messages are sent, no topic goes back to an older value") {
  const std::string topic = unique_name("replay/live");
  constexpr unsigned kMany = 100;
  const auto name = [&topic](unsigned i) { return topic + "/" + std::to_string(i); };
  Client publisher(shared_broker());
  for (unsigned i = 0; i < kMany; ++i)
    publisher.publish({.topic = name(i), .payload = "old", .qos = 1, .retain = true});
  Client subscriber(shared_broker(), Connect{.properties = property(Prop::receive_maximum, 5)});
  subscriber.subscribe(topic + "/#", 1);
  for (unsigned i = kMany; i-- > 0;) publisher.publish({.topic = name(i), .payload = "new", .qos = 1, .retain = true});
  std::map<std::string, std::string> last;
  for (;;) {
    const std::vector<Message> messages = subscriber.drain();
    if (messages.empty()) break;
    for (const Message& message : messages) {
      CHECK_FALSE((message.payload == "old" && last[message.topic] == "new"));
      last[message.topic] = message.payload;
      subscriber.acknowledge(message);
    }
  }
  CHECK(last.size() == kMany);
  for (const auto& [each, payload] : last) CHECK(payload == "new");
}

TEST_CASE(
    "[MQTT-3.10.4-2] [MQTT-3.3.1-9] an UNSUBSCRIBE, or the end of the session, stops the sending of retained "
    "messages") {
  const std::string topic = unique_name("replay/stopped");
  for (unsigned i = 0; i < 100; ++i) retain(topic + "/" + std::to_string(i), "kept");
  const Connect connect{.client_id = unique_name("stopped"), .properties = property(Prop::receive_maximum, 1)};
  Client client(shared_broker(), connect);
  client.send(encode_subscribe(Version::v5, 1, {{topic + "/#", 1}}) +
              encode_unsubscribe(Version::v5, 2, {topic + "/#"}));
  client.await(PacketType::suback);
  client.await(PacketType::unsuback);
  const std::vector<Message> begun = client.drain();
  CHECK(begun.size() <= 1);
  for (const Message& message : begun) client.acknowledge(message);
  client.expect_nothing();
  client.subscribe(topic + "/#", 1);
  CHECK(client.receive().payload == "kept");
  client.drop();
  Client(shared_broker(), connect).expect_nothing();
}

}  // namespace bramble::testing
