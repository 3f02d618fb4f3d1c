#include <doctest/doctest.h>

#include "tests/support/client.h"

// Sections 3.10 and 3.11: UNSUBSCRIBE and UNSUBACK.
namespace bramble::testing {
namespace {

using Codes = std::vector<std::uint8_t>;

}  // namespace

TEST_CASE("[MQTT-3.10.3-2] [3.1.1: MQTT-3.10.3-2] an UNSUBSCRIBE without a Topic Filter closes the connection") {
  for (const Version version : kSince311) {
    CAPTURE(version);
    Client client(shared_broker(), version);
    client.send(version == Version::v5 ? "A2 03 0001 00"_hex : "A2 02 0001"_hex);
    client.expect_refusal(version, 0x82);
  }
}

TEST_CASE("[MQTT-4.13.1-1] [MQTT-3.10.3-1] [3.1.1: MQTT-4.8.0-1] an UNSUBSCRIBE cut short closes the connection") {
  for (const Version version : kSince311) {
    const std::string body = encode_unsubscribe(version, 1, {"ab"}).substr(2);
    for (std::size_t size = 0; size < body.size(); ++size) {
      CAPTURE(version);
      CAPTURE(size);
      Client client(shared_broker(), version);
      client.send(packet(0xA2, body.substr(0, size)));
      client.expect_refusal(version, {0x81, 0x82});
    }
  }
}

TEST_CASE(
    "[MQTT-3.10.4-1] [MQTT-3.10.4-4] [MQTT-3.10.4-5] [MQTT-3.11.3-1] [MQTT-3.11.3-2] [3.1.1: MQTT-3.10.4-1] "
    "[3.1.1: MQTT-3.10.4-4] [3.1.1: MQTT-3.10.4-5] filters are compared character by character, and the UNSUBACK "
    "says of each whether it existed") {
  for (const Version version : kAllVersions) {
    CAPTURE(version);
    const std::string topic = unique_name("compared");
    Client client(shared_broker(), version);
    client.subscribe(topic + "/+/#", 0);
    client.subscribe(topic + "/a", 0);
    const Codes codes = client.unsubscribe({topic + "/#", topic + "/a", topic + "/+", topic + "/A", topic + "/a"});
    if (version == Version::v5) CHECK(codes == Codes{0x11, 0x00, 0x11, 0x11, 0x11});
    if (version != Version::v5) CHECK(codes.empty());
    client.publish({.topic = topic + "/a", .payload = "still matched"});
    CHECK(client.receive().payload == "still matched");
    client.expect_nothing();
    client.unsubscribe({topic + "/+/#"});
    client.publish({.topic = topic + "/a"});
    client.expect_nothing();
  }
}

TEST_CASE("[MQTT-3.10.4-2] [3.1.1: MQTT-3.10.4-2] after the UNSUBACK no new message is added") {
  for (const Version version : kAllVersions) {
    CAPTURE(version);
    const std::string topic = unique_name("stopped");
    Client subscriber(shared_broker(), version);
    Client publisher(shared_broker(), version);
    subscriber.subscribe(topic, 2);
    publisher.publish({.topic = topic, .payload = "before", .qos = 1});
    subscriber.unsubscribe({topic});
    publisher.publish({.topic = topic, .payload = "after", .qos = 1});
    CHECK(subscriber.take().payload == "before");
    subscriber.expect_nothing();
  }
}

TEST_CASE("[MQTT-3.10.4-3] [3.1.1: MQTT-3.10.4-3] a delivery that has begun is completed after an UNSUBSCRIBE") {
  for (const Version version : kSince311) {
    for (const unsigned qos : {1u, 2u}) {
      CAPTURE(version);
      CAPTURE(qos);
      const std::string id = unique_name("completed");
      Client subscriber(shared_broker(), persistent(version, id));
      subscriber.subscribe(id, 2);
      Client(shared_broker(), version).publish({.topic = id, .payload = "begun", .qos = qos});
      const Message begun = subscriber.receive();
      subscriber.unsubscribe({id});
      subscriber.drop();
      Client back(shared_broker(), persistent(version, id));
      const Message again = back.take();
      CHECK(again.payload == "begun");
      CHECK(again.packet_id == begun.packet_id);
      CHECK(again.dup);
      back.expect_nothing();
    }
  }
}

TEST_CASE("[MQTT-3.10.4-6] [MQTT-2.2.1-6] [3.1.1: MQTT-3.10.4-6] an UNSUBSCRIBE of many filters gets one UNSUBACK") {
  for (const Version version : kAllVersions) {
    CAPTURE(version);
    const std::string topic = unique_name("several");
    Client client(shared_broker(), version);
    for (const char* level : {"/a", "/b", "/c"}) client.subscribe(topic + level, 0);
    client.send(encode_unsubscribe(version, 99, {topic + "/a", topic + "/b", topic + "/c"}));
    client.expect(version == Version::v5 ? "B0 06 0063 00 000000"_hex : "B0 02 0063"_hex);
    for (const char* level : {"/a", "/b", "/c"}) client.publish({.topic = topic + level});
    client.expect_nothing();
  }
}

TEST_CASE("[MQTT-3.10.4-1] an UNSUBSCRIBE touches the client's own subscriptions only") {
  const std::string topic = unique_name("own");
  Client leaving(shared_broker());
  Client staying(shared_broker());
  leaving.subscribe(topic);
  staying.subscribe(topic);
  leaving.unsubscribe({topic});
  leaving.publish({.topic = topic, .payload = "x"});
  CHECK(staying.receive().payload == "x");
  leaving.expect_nothing();
}

TEST_CASE("[MQTT-3.10.4-1] [MQTT-4.1.0-1] a subscription that was ended does not come back with the session") {
  const std::string id = unique_name("ended");
  Client first(shared_broker(), persistent(Version::v5, id));
  first.subscribe(id, 1);
  first.unsubscribe({id});
  first.disconnect();
  Client(shared_broker()).publish({.topic = id, .qos = 1});
  Client back(shared_broker(), persistent(Version::v5, id));
  CHECK(back.connack().session_present);
  back.expect_nothing();
}

TEST_CASE("[MQTT-4.13.1-1] an UNSUBSCRIBE with properties that are not its own closes the connection") {
  for (const std::string& properties : {"0B 01"_hex, "1F 0001 'a'"_hex, "7F"_hex}) {
    CAPTURE(to_hex(properties));
    Client client(shared_broker());
    client.send(encode_unsubscribe(Version::v5, 1, {"a"}, properties));
    client.expect_disconnect({0x81, 0x82});
  }
}

}  // namespace bramble::testing
