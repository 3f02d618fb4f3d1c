#include <algorithm>
#include <doctest/doctest.h>

#include "tests/support/client.h"

// Section 3.3: PUBLISH. Retained messages, properties and aliases have files of their own.
namespace bramble::testing {

TEST_CASE("[MQTT-3.3.1-2] [3.1.1: MQTT-3.3.1-2] a QoS 0 PUBLISH with DUP set closes the connection") {
  for (const Version version : kSince311) {
    CAPTURE(version);
    Client client(shared_broker(), version);
    client.send(version == Version::v5 ? "38 05 0001 'a' 00 'x'"_hex : "38 04 0001 'a' 'x'"_hex);
    client.expect_refusal(version, {0x81, 0x82});
  }
}

TEST_CASE(
    "[MQTT-3.3.1-3] [MQTT-4.3.1-1] [MQTT-4.3.2-2] [MQTT-4.3.3-2] [MQTT-3.3.1-2] [3.1.1: MQTT-3.3.1-3] "
    "[3.1.1: MQTT-4.3.1-1] the DUP flag of a PUBLISH that comes in does not go out") {
  for (const Version version : kAllVersions) {
    for (const unsigned qos : {1u, 2u}) {
      CAPTURE(version);
      CAPTURE(qos);
      const std::string topic = unique_name("dup");
      Client subscriber(shared_broker(), version);
      Client low(shared_broker(), version);
      Client publisher(shared_broker(), version);
      subscriber.subscribe(topic, 2);
      low.subscribe(topic, 0);
      publisher.publish({.topic = topic, .payload = "x", .qos = qos, .dup = true});
      const Message message = subscriber.take();
      CHECK_FALSE(message.dup);
      CHECK(message.qos == qos);
      CHECK_FALSE(low.take().dup);
    }
  }
}

TEST_CASE("[MQTT-3.3.1-4] [3.1.1: MQTT-3.3.1-4] a PUBLISH with both QoS bits set closes the connection") {
  for (const Version version : kAllVersions) {
    for (const char first : {'\x36', '\x37', '\x3E'}) {
      CAPTURE(version);
      Client client(shared_broker(), version);
      client.send(first + (version == Version::v5 ? "07 0001 'a' 0001 00 'x'"_hex : "06 0001 'a' 0001 'x'"_hex));
      client.expect_refusal(version, 0x81);
    }
  }
}

TEST_CASE("[MQTT-3.3.2-1] [3.1.1: MQTT-3.3.2-1] a PUBLISH whose fields do not fit in it closes the connection") {
  for (const Version version : kAllVersions) {
    for (const std::string& bytes : {"30 00"_hex, "30 01 00"_hex, "30 03 0002 'a'"_hex, "32 03 0001 'a'"_hex,
                                     "32 04 0001 'a' 00"_hex, "30 05 FFFF 'abc'"_hex}) {
      CAPTURE(version);
      CAPTURE(to_hex(bytes));
      Client client(shared_broker(), version);
      client.send(bytes);
      client.expect_refusal(version, {0x81, 0x82});
    }
  }
}

TEST_CASE(
    "[MQTT-3.3.2-2] [MQTT-4.7.0-1] [3.1.1: MQTT-3.3.2-2] [3.1.1: MQTT-4.7.1-1] a PUBLISH to a topic with "
    "wildcards closes the connection") {
  for (const Version version : kAllVersions) {
    for (const char* topic : {"+", "#", "a/+/b", "a/#", "a+b", "a#"}) {
      for (const unsigned qos : {0u, 1u}) {
        CAPTURE(version);
        CAPTURE(std::string(topic));
        Client client(shared_broker(), version);
        client.send(encode(version, Publish{.topic = topic, .payload = "x", .qos = qos, .packet_id = 1}));
        client.expect_refusal(version, {0x81, 0x82, 0x90});
      }
    }
  }
}

TEST_CASE("[MQTT-3.3.2-3] [3.1.1: MQTT-3.3.2-3] a message carries the topic it was published to") {
  for (const Version version : kAllVersions) {
    const std::string topic = unique_name("named");
    Client client(shared_broker(), version);
    client.subscribe(topic + "/+/x/#");
    client.publish({.topic = topic + "/y/x"});
    CHECK(client.receive().topic == topic + "/y/x");
    client.publish({.topic = topic + "//x/y/z"});
    CHECK(client.receive().topic == topic + "//x/y/z");
  }
}

TEST_CASE(
    "[MQTT-3.3.4-1] [MQTT-4.3.2-4] [MQTT-4.3.3-8] [MQTT-4.3.3-11] [3.1.1: MQTT-3.3.4-1] [3.1.1: MQTT-4.3.2-2] "
    "[3.1.1: MQTT-4.3.3-2] each QoS has its answer: none, PUBACK, PUBREC and PUBCOMP") {
  for (const Version version : kAllVersions) {
    CAPTURE(version);
    Client client(shared_broker(), version);
    const std::string topic = unique_name("answers");
    client.send(encode(version, Publish{.topic = topic, .payload = "x"}));
    client.expect_nothing();
    client.send(encode(version, Publish{.topic = topic, .payload = "x", .qos = 1, .packet_id = 513}));
    CHECK(client.receive_ack(PacketType::puback).packet_id == 513);
    client.send(encode(version, Publish{.topic = topic, .payload = "x", .qos = 2, .packet_id = 514}));
    CHECK(client.receive_ack(PacketType::pubrec).packet_id == 514);
    client.send(encode_ack(PacketType::pubrel, 514));
    const Ack pubcomp = client.receive_ack(PacketType::pubcomp);
    CHECK(pubcomp.packet_id == 514);
    CHECK(pubcomp.code == 0);
    client.expect_nothing();
  }
}

TEST_CASE(
    "[MQTT-3.3.4-1] [MQTT-3.8.4-8] [3.1.1: MQTT-3.8.4-6] payloads of any bytes and sizes arrive unchanged, from "
    "every version to every version") {
  std::string every_byte;
  for (unsigned byte = 0; byte < 256; ++byte) every_byte += u8(byte);
  const std::string payloads[] = {"", every_byte, std::string(4096, 'k'), std::string(100'000, 'm')};
  for (const Version from : kAllVersions) {
    for (const Version to : kAllVersions) {
      for (const unsigned qos : {0u, 1u, 2u}) {
        CAPTURE(from);
        CAPTURE(to);
        CAPTURE(qos);
        const std::string topic = unique_name("bytes");
        Client publisher(shared_broker(), from);
        Client subscriber(shared_broker(), to);
        subscriber.subscribe(topic, 2);
        for (const std::string& payload : payloads) {
          publisher.publish({.topic = topic, .payload = payload, .qos = qos});
          const Message message = subscriber.take();
          CHECK(message.payload == payload);
          CHECK(message.qos == qos);
        }
      }
    }
  }
}

TEST_CASE(
    "[MQTT-3.8.4-8] [MQTT-3.8.4-7] [3.1.1: MQTT-3.8.4-6] a message goes out at the lower of its QoS and the granted") {
  for (const Version version : kAllVersions) {
    for (const unsigned granted : {0u, 1u, 2u}) {
      for (const unsigned published : {0u, 1u, 2u}) {
        CAPTURE(version);
        CAPTURE(granted);
        CAPTURE(published);
        const std::string topic = unique_name("lower");
        Client client(shared_broker(), version);
        client.subscribe(topic, granted);
        client.publish({.topic = topic, .payload = "x", .qos = published});
        CHECK(client.take().qos == std::min(granted, published));
      }
    }
  }
}

TEST_CASE("[MQTT-3.3.4-2] [3.1.1: MQTT-3.3.5-1] overlapping subscriptions deliver at the highest QoS among them") {
  for (const Version version : kAllVersions) {
    CAPTURE(version);
    const std::string topic = unique_name("overlap");
    Client subscriber(shared_broker(), version);
    Client publisher(shared_broker(), version);
    subscriber.subscribe(topic + "/#", 0);
    subscriber.subscribe(topic + "/+", 2);
    subscriber.subscribe(topic + "/x", 1);
    publisher.publish({.topic = topic + "/x", .payload = "x", .qos = 2});
    const std::vector<Message> messages = subscriber.drain();  // one copy, or one for each subscription
    CHECK((messages.size() == 1 || messages.size() == 3));
    unsigned highest = 0;
    for (const Message& message : messages) highest = std::max(highest, message.qos);
    CHECK(highest == 2);
  }
}

TEST_CASE(
    "[MQTT-3.3.4-3] [MQTT-3.3.4-4] [MQTT-3.3.4-5] every Subscription Identifier that matches is in the message, or "
    "each copy has its own") {
  const std::string topic = unique_name("identifiers");
  Client subscriber(shared_broker());
  Client publisher(shared_broker());
  subscriber.subscribe(topic + "/#", 0, property(Prop::subscription_identifier, 1));
  subscriber.subscribe(topic + "/+", 1, property(Prop::subscription_identifier, 268'435'455));
  subscriber.subscribe(topic + "/x", 2);
  subscriber.subscribe(topic + "/other", 2, property(Prop::subscription_identifier, 7));
  publisher.publish({.topic = topic + "/x", .payload = "x", .qos = 1});
  const std::vector<Message> messages = subscriber.drain();
  std::vector<std::uint32_t> all;
  for (const Message& message : messages) {
    const std::vector<std::uint32_t> ids = message.properties.numbers(Prop::subscription_identifier);
    if (messages.size() > 1) CHECK(ids.size() <= 1);
    all.insert(all.end(), ids.begin(), ids.end());
  }
  std::sort(all.begin(), all.end());
  CHECK(all == std::vector<std::uint32_t>{1, 268'435'455});
}

TEST_CASE("[MQTT-3.3.4-3] a Subscription Identifier is replaced, or taken away, by a new SUBSCRIBE to the filter") {
  const std::string topic = unique_name("identifier");
  Client client(shared_broker());
  client.subscribe(topic, 0, property(Prop::subscription_identifier, 5));
  client.subscribe(topic, 0, property(Prop::subscription_identifier, 6));
  client.publish({.topic = topic});
  CHECK(client.receive().properties.numbers(Prop::subscription_identifier) == std::vector<std::uint32_t>{6});
  client.subscribe(topic, 0);
  client.publish({.topic = topic});
  CHECK_FALSE(client.receive().properties.has(Prop::subscription_identifier));
}

TEST_CASE("[MQTT-3.3.4-3] a Subscription Identifier belongs to the session: it outlives the connection") {
  const std::string id = unique_name("identifier/kept");
  Client(shared_broker(), persistent(Version::v5, id)).subscribe(id, 1, property(Prop::subscription_identifier, 9));
  Client(shared_broker(), persistent(Version::v5, id)).disconnect();
  Client(shared_broker()).publish({.topic = id, .qos = 1});
  Client back(shared_broker(), persistent(Version::v5, id));
  CHECK(back.take().properties.numbers(Prop::subscription_identifier) == std::vector<std::uint32_t>{9});
}

TEST_CASE("[MQTT-3.3.4-3] a retained message sent for a SUBSCRIBE carries its Subscription Identifier") {
  const std::string topic = unique_name("identifier/retained");
  Client client(shared_broker());
  client.publish({.topic = topic, .payload = "kept", .qos = 1, .retain = true});
  client.subscribe(topic, 0, property(Prop::subscription_identifier, 42));
  CHECK(client.receive().properties.numbers(Prop::subscription_identifier) == std::vector<std::uint32_t>{42});
}

TEST_CASE("[MQTT-3.3.4-6] a PUBLISH with a Subscription Identifier from a client closes the connection") {
  Client client(shared_broker());
  client.send("30 06 0001 'a' 02 0B 01"_hex);
  client.expect_disconnect({0x81, 0x82});
}

TEST_CASE("[MQTT-3.3.4-1] a PUBLISH that nobody receives is acknowledged all the same") {
  for (const Version version : kAllVersions) {
    Client client(shared_broker(), version);
    for (const unsigned qos : {1u, 2u}) {
      const std::uint8_t code = client.publish({.topic = unique_name("nobody"), .qos = qos});
      CHECK((code == 0 || code == 0x10));
    }
  }
}

TEST_CASE("[MQTT-3.3.4-1] a payload of nearly the Maximum Packet Size goes through, and what follows it in order") {
  std::string payload(1'900'000, 'x');
  for (std::size_t i = 0; i < payload.size(); i += 1000) payload[i] = static_cast<char>(i / 1000);
  const std::string topic = unique_name("huge");
  Client publisher(shared_broker());
  std::vector<Client> subscribers;
  for (const Version version : kAllVersions) {
    subscribers.emplace_back(shared_broker(), version).subscribe(topic, 2);
  }
  for (const unsigned qos : {0u, 2u}) {
    publisher.publish({.topic = topic, .payload = payload, .qos = qos});
    publisher.publish({.topic = topic, .payload = "behind", .qos = qos});
    for (Client& subscriber : subscribers) {
      CHECK((subscriber.take().payload == payload));
      CHECK(subscriber.take().payload == "behind");
    }
  }
}

TEST_CASE("[MQTT-3.8.4-8] [MQTT-3.3.4-3] one message reaches subscribers of every kind, to each as it asked") {
  const std::string topic = unique_name("kinds");
  struct Kind {
    Client client;
    unsigned qos;
    std::uint32_t identifier;
  };
  std::vector<Kind> kinds;
  for (const Version version : kAllVersions) {
    for (const unsigned qos : {0u, 1u, 2u}) {
      Client& client = kinds.emplace_back(Kind{Client(shared_broker(), version), qos, 0}).client;
      client.subscribe(topic, qos);
      if (version != Version::v5) continue;
      const Connect aliased{.properties = property(Prop::topic_alias_maximum, 2)};
      Kind& identified = kinds.emplace_back(Kind{Client(shared_broker(), aliased), qos, 100 + qos});
      identified.client.subscribe(topic, qos, property(Prop::subscription_identifier, identified.identifier));
    }
  }
  Client publisher(shared_broker());
  const std::string properties = property(Prop::message_expiry, 1000) + property(Prop::content_type, "kind");
  for (const unsigned qos : {2u, 0u, 1u}) {
    for (const std::size_t size : {5u, 5'000u}) {
      const std::string payload(size, static_cast<char>('a' + qos));
      publisher.publish({.topic = topic, .payload = payload, .qos = qos, .properties = properties});
      for (Kind& kind : kinds) {
        CAPTURE(kind.client.version());
        const Message message = kind.client.take();
        CHECK((message.topic == topic || message.properties.has(Prop::topic_alias)));
        CHECK(message.payload == payload);
        CHECK(message.qos == std::min(qos, kind.qos));
        if (kind.client.version() != Version::v5) continue;
        CHECK(message.properties.text(Prop::content_type) == "kind");
        CHECK(message.properties.number(Prop::message_expiry).value_or(0) > 900);
        CHECK(message.properties.number(Prop::subscription_identifier).value_or(0) == kind.identifier);
      }
    }
  }
}

}  // namespace bramble::testing
