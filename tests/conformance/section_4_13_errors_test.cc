#include <doctest/doctest.h>

#include "tests/support/client.h"

// Section 4.13: handling errors.
namespace bramble::testing {

TEST_CASE(
    "[MQTT-4.13.1-1] [MQTT-4.13.2-1] [3.1.1: MQTT-4.8.0-1] packets that only a server sends close the connection") {
  const std::string packets[] = {"20 02 00 00"_hex, "90 03 0001 00"_hex, "B0 02 0001"_hex, "D0 00"_hex};
  const std::string packets_v5[] = {"20 03 00 00 00"_hex, "90 04 0001 00 00"_hex, "B0 04 0001 00 00"_hex, "D0 00"_hex};
  for (const Version version : kAllVersions) {
    for (const std::string& bytes : version == Version::v5 ? packets_v5 : packets) {
      CAPTURE(version);
      CAPTURE(to_hex(bytes));
      Client client(shared_broker(), version);
      client.send(bytes);
      client.expect_refusal(version, 0x82);
    }
  }
}

TEST_CASE("[MQTT-4.13.1-1] [3.1.1: MQTT-4.8.0-1] packet type 0 closes the connection") {
  for (const Version version : kAllVersions) {
    Client client(shared_broker(), version);
    client.send("00 00"_hex);
    client.expect_refusal(version, {0x81, 0x82});
  }
}

TEST_CASE("[MQTT-4.13.1-1] [3.1.1: MQTT-4.8.0-1] a PINGREQ with a body closes the connection") {
  for (const Version version : kSince311) {
    Client client(shared_broker(), version);
    client.send("C0 01 00"_hex);
    client.expect_refusal(version, {0x81, 0x82});
  }
}

TEST_CASE("[MQTT-4.13.1-1] after an error nothing else of what was sent is handled") {
  for (const Version version : kSince311) {
    const std::string topic = unique_name("after/error");
    Client watcher(shared_broker(), version);
    watcher.subscribe(topic);
    Client client(shared_broker(), version);
    client.send("00 00"_hex + encode(version, Publish{.topic = topic, .payload = "too late"}) + "C0 00"_hex);
    client.expect_refusal(version, {0x81, 0x82});
    watcher.expect_nothing();
  }
}

TEST_CASE("[MQTT-4.13.1-1] what came whole before an error is handled") {
  for (const Version version : kAllVersions) {
    CAPTURE(version);
    const std::string topic = unique_name("before/error");
    Client watcher(shared_broker(), version);
    watcher.subscribe(topic, 1);
    Client client(shared_broker(), version);
    client.send(encode(version, Publish{.topic = topic, .payload = "in time"}) + "00 00"_hex);
    client.expect_refusal(version, {0x81, 0x82});
    CHECK(watcher.take().payload == "in time");
  }
}

TEST_CASE("[MQTT-4.13.1-1] an error of one client touches no other, and ends a connection, not a session") {
  const std::string id = unique_name("error/session");
  Client bystander(shared_broker());
  Client client(shared_broker(), persistent(Version::v5, id));
  client.subscribe(id, 1);
  client.send("36 07 0001 'a' 0001 00 'x'"_hex);
  client.expect_disconnect(0x81);
  bystander.publish({.topic = id, .payload = "kept", .qos = 1});
  Client back(shared_broker(), persistent(Version::v5, id));
  CHECK(back.connack().session_present);
  CHECK(back.take().payload == "kept");
}

TEST_CASE("[MQTT-4.2-1] half a packet and a lost connection do no harm") {
  for (const Version version : kAllVersions) {
    const std::string topic = unique_name("half");
    Client watcher(shared_broker(), version);
    watcher.subscribe(topic, 1);
    Client client(shared_broker(), version);
    const std::string bytes = encode(version, Publish{.topic = topic, .payload = "cut off", .qos = 1, .packet_id = 1});
    client.send(bytes.substr(0, bytes.size() - 1));
    client.drop();
    watcher.expect_nothing();
  }
}

TEST_CASE("[MQTT-4.13.1-1] random bytes after the CONNECT never harm the broker") {
  Client bystander(shared_broker());
  std::string bytes;
  std::uint32_t state = 12345;
  for (int client_count = 0; client_count < 100; ++client_count) {
    bytes.clear();
    for (int i = 0; i < 200; ++i) {
      state = state * 1'664'525 + 1'013'904'223;
      bytes += u8(state >> 24);
    }
    Client client(shared_broker(), kAllVersions[client_count % 3]);
    client.send(bytes);
    client.drop();
  }
  bystander.expect_nothing();
}

TEST_CASE("[MQTT-4.13.1-1] every packet of MQTT 5 changed in one byte never harms the broker") {
  Client bystander(shared_broker());
  const std::string packets[] = {
      encode(Version::v5, Publish{.topic = "mutate",
                                  .payload = "x",
                                  .qos = 1,
                                  .packet_id = 1,
                                  .properties = property(Prop::user, "k", "v") + property(Prop::topic_alias, 1)}),
      encode_subscribe(Version::v5, 1, {{"mutate/#", 1}}, property(Prop::subscription_identifier, 5)),
      encode_unsubscribe(Version::v5, 1, {"mutate/#"}, property(Prop::user, "k", "v")),
      packet(0x62, "0001 00 00"_hex),
      encode_disconnect(Version::v5, 4, property(Prop::session_expiry, 1)),
  };
  for (const std::string& whole : packets) {
    for (std::size_t at = 0; at < whole.size(); ++at) {
      for (const char change : {'\x01', '\x80', '\xFF'}) {
        std::string changed = whole;
        changed[at] = static_cast<char>(changed[at] ^ change);
        Client client(shared_broker());
        client.send(changed);
        client.drop();
      }
    }
  }
  bystander.expect_nothing();
}

}  // namespace bramble::testing
