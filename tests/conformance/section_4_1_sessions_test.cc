#include <doctest/doctest.h>

#include "tests/support/client.h"

// Section 4.1: Session State.
namespace bramble::testing {
namespace {

Connect with_expiry(const std::string& id, std::uint32_t seconds, bool clean_start = false) {
  return {.client_id = id, .clean_start = clean_start, .properties = property(Prop::session_expiry, seconds)};
}

}  // namespace

TEST_CASE("[MQTT-4.1.0-2] [MQTT-3.1.2-23] a session is kept for its Session Expiry Interval and then thrown away") {
  const std::string kept = unique_name("session/kept");
  const std::string gone = unique_name("session/gone");
  Client(shared_broker(), with_expiry(kept, 30)).drop();
  Client expiring(shared_broker(), with_expiry(gone, 1));
  expiring.subscribe(gone, 1);
  expiring.drop();
  let_pass(std::chrono::milliseconds(2500));
  CHECK(Client(shared_broker(), with_expiry(kept, 30)).connack().session_present);
  Client back(shared_broker(), with_expiry(gone, 1));
  CHECK_FALSE(back.connack().session_present);
  Client(shared_broker()).publish({.topic = gone, .qos = 1});
  back.expect_nothing();
}

TEST_CASE("[MQTT-4.1.0-2] with a Session Expiry Interval of 0, or none, a session ends with its connection") {
  for (const std::string& properties : {std::string{}, property(Prop::session_expiry, 0)}) {
    const Connect connect{.client_id = unique_name("session/zero"), .clean_start = false, .properties = properties};
    Client(shared_broker(), connect).drop();
    CHECK_FALSE(Client(shared_broker(), connect).connack().session_present);
    Client(shared_broker(), connect).disconnect();
    CHECK_FALSE(Client(shared_broker(), connect).connack().session_present);
  }
}

TEST_CASE("[MQTT-3.1.2-23] a Session Expiry Interval of 0xFFFFFFFF is no end") {
  const std::string id = unique_name("session/forever");
  Client(shared_broker(), with_expiry(id, 0xFFFFFFFF)).drop();
  let_pass(std::chrono::milliseconds(1100));
  CHECK(Client(shared_broker(), with_expiry(id, 0)).connack().session_present);
  CHECK_FALSE(Client(shared_broker(), with_expiry(id, 0)).connack().session_present);
}

TEST_CASE("[MQTT-3.1.2-23] a clean start with a Session Expiry Interval leaves a session behind") {
  const std::string id = unique_name("session/clean");
  Client(shared_broker(), with_expiry(id, 30, true)).subscribe(id, 1);
  Client back(shared_broker(), with_expiry(id, 30));
  CHECK(back.connack().session_present);
  back.publish({.topic = id, .payload = "subscribed", .qos = 1});
  CHECK(back.take().payload == "subscribed");
}

TEST_CASE("[MQTT-3.1.2-23] a reconnect begins the Session Expiry Interval anew") {
  const std::string id = unique_name("session/anew");
  Client(shared_broker(), with_expiry(id, 1)).drop();
  Client back(shared_broker(), with_expiry(id, 1));
  CHECK(back.connack().session_present);
  let_pass(std::chrono::milliseconds(1600));  // would be over by now
  back.expect_nothing();
  back.drop();
  CHECK(Client(shared_broker(), with_expiry(id, 1)).connack().session_present);
}

TEST_CASE(
    "[MQTT-4.1.0-1] [3.1.1: MQTT-4.1.0-1] [3.1.1: MQTT-4.1.0-2] the session stays whole while the connection is "
    "open, whatever its Session Expiry Interval") {
  const std::string id = unique_name("session/open");
  Client client(shared_broker(), with_expiry(id, 1));
  client.subscribe(id, 2);
  let_pass(std::chrono::milliseconds(1600));
  Client(shared_broker()).publish({.topic = id, .payload = "x", .qos = 2});
  CHECK(client.take().payload == "x");
}

TEST_CASE(
    "[MQTT-4.5.0-1] [3.1.1: MQTT-4.5.0-1] [3.1.1: MQTT-3.1.2-5] QoS 1 and 2 messages are added to the sessions of "
    "absent clients, in order; QoS 0 messages need not be") {
  for (const Version version : kSince311) {
    CAPTURE(version);
    const std::string id = unique_name("session/absent");
    Client(shared_broker(), persistent(version, id)).subscribe(id, 2);
    Client(shared_broker(), persistent(version, id)).drop();
    Client publisher(shared_broker(), version);
    for (unsigned i = 0; i < 100; ++i) publisher.publish({.topic = id, .payload = std::to_string(i), .qos = 1 + i % 2});
    publisher.publish({.topic = id, .payload = "QoS 0"});
    Client back(shared_broker(), persistent(version, id));
    for (unsigned i = 0; i < 100; ++i) {
      const Message message = back.take();
      CHECK(message.payload == std::to_string(i));
      CHECK(message.qos == 1 + i % 2);
      CHECK_FALSE(message.dup);
    }
    back.expect_nothing();
  }
}

TEST_CASE("[MQTT-4.5.0-1] a subscription at QoS 0 does not fill the session of an absent client") {
  const std::string id = unique_name("session/qos0");
  Client(shared_broker(), persistent(Version::v5, id)).subscribe(id, 0);
  Client(shared_broker(), persistent(Version::v5, id)).drop();
  Client(shared_broker()).publish({.topic = id, .payload = "missed", .qos = 1});
  Client(shared_broker(), persistent(Version::v5, id)).expect_nothing();
}

TEST_CASE("[MQTT-3.1.2-23] a session moves between versions: 3.1.1 to 5 and back") {
  const std::string id = unique_name("session/versions");
  Client publisher(shared_broker());
  Client(shared_broker(), persistent(Version::v3_1_1, id)).subscribe(id, 1);
  Client(shared_broker(), persistent(Version::v3_1_1, id)).disconnect();
  publisher.publish({.topic = id, .payload = "one", .qos = 1, .properties = property(Prop::user, "k", "v")});
  Client v5(shared_broker(), persistent(Version::v5, id));
  CHECK(v5.connack().session_present);
  const Message one = v5.take();
  CHECK(one.payload == "one");
  CHECK(one.properties.user().size() == 1);
  v5.disconnect();
  publisher.publish({.topic = id, .payload = "two", .qos = 1, .properties = property(Prop::user, "k", "v")});
  Client v3(shared_broker(), persistent(Version::v3_1_1, id));
  CHECK(v3.connack().session_present);
  CHECK(v3.take().payload == "two");
}

TEST_CASE("[MQTT-4.1.0-1] the session remembers a QoS 2 message from the client that is not yet released") {
  for (const Version version : kSince311) {
    CAPTURE(version);
    const std::string id = unique_name("session/received");
    const std::string topic = id + "/in";
    Client watcher(shared_broker(), version);
    watcher.subscribe(topic, 2);
    Client first(shared_broker(), persistent(version, id));
    first.send(encode(version, Publish{.topic = topic, .payload = "once", .qos = 2, .packet_id = 5}));
    first.receive_ack(PacketType::pubrec);
    first.drop();
    Client back(shared_broker(), persistent(version, id));
    CHECK(back.connack().session_present);
    back.send(encode(version, Publish{.topic = topic, .payload = "once", .qos = 2, .packet_id = 5, .dup = true}));
    back.receive_ack(PacketType::pubrec);
    back.send(encode_ack(PacketType::pubrel, 5));
    CHECK(back.receive_ack(PacketType::pubcomp).code == 0);
    CHECK(watcher.take().payload == "once");
    watcher.expect_nothing();
  }
}

TEST_CASE("[MQTT-4.1.0-2] a session that ended leaves no trace of its QoS 2 identifiers") {
  const std::string id = unique_name("session/forgotten");
  Client watcher(shared_broker());
  watcher.subscribe(id, 2);
  for (int i = 0; i < 2; ++i) {
    Client client(shared_broker(), Connect{.client_id = id});
    client.publish({.topic = id, .payload = std::to_string(i), .qos = 2, .packet_id = 5});
    CHECK(watcher.take().payload == std::to_string(i));
    client.send(encode(Version::v5, Publish{.topic = "elsewhere", .qos = 2, .packet_id = 5}));
    client.receive_ack(PacketType::pubrec);
  }
}

}  // namespace bramble::testing
