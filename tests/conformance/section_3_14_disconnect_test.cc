#include <doctest/doctest.h>

#include "tests/support/client.h"

// Section 3.14: DISCONNECT.
namespace bramble::testing {

TEST_CASE(
    "[MQTT-3.14.4-1] [MQTT-3.14.4-2] [3.1.1: MQTT-3.14.4-1] a DISCONNECT ends the connection without an answer, and "
    "nothing behind it counts") {
  for (const Version version : kAllVersions) {
    CAPTURE(version);
    const std::string topic = unique_name("behind");
    Client watcher(shared_broker(), version);
    watcher.subscribe(topic);
    Client client(shared_broker(), version);
    client.send("E0 00"_hex + encode(version, Publish{.topic = topic, .payload = "too late"}));
    client.expect_close();
    watcher.expect_nothing();
  }
}

TEST_CASE("[MQTT-3.14.2-1] a DISCONNECT of MQTT 5 may come with a Reason Code and properties") {
  for (const std::string& rest : {"00"_hex, "01 00"_hex, "01 04"_hex, "02 00 00"_hex, "07 80 05 1F 0002 'ab'"_hex,
                                  "09 00 07 26 0001 'k' 0001 'v'"_hex}) {
    CAPTURE(to_hex(rest));
    Client client(shared_broker());
    client.send("E0"_hex + rest);
    client.expect_close();
  }
}

TEST_CASE("[MQTT-4.13.1-1] [MQTT-3.14.2-1] a broken DISCONNECT is answered with one that says so") {
  struct Case {
    std::string what;
    std::string bytes;
  };
  const Case cases[] = {
      {"a Reason Code that is none", "E0 01 03"_hex},
      {"properties cut off", "E0 04 00 05 1F 00"_hex},
      {"a property of another packet", "E0 05 00 03 23 0001"_hex},
      {"Reason String twice", "E0 0A 00 08 1F 0001 'a' 1F 0001 'a'"_hex},
  };
  for (const Case& each : cases) {
    CAPTURE(each.what);
    Client client(shared_broker());
    client.send(each.bytes);
    client.expect_disconnect({0x81, 0x82});
  }
}

TEST_CASE("[3.1.1: MQTT-3.14.1-1] a DISCONNECT of 3.1.1 with a body is malformed, so the Will is published") {
  const std::string topic = unique_name("body");
  Client watcher(shared_broker());
  watcher.subscribe(topic);
  Client client(shared_broker(), Connect{.version = Version::v3_1_1, .will = Will{.topic = topic, .payload = "gone"}});
  client.send("E0 01 00"_hex);
  client.expect_close();
  CHECK(watcher.receive().payload == "gone");
}

TEST_CASE("[MQTT-3.1.2-23] [MQTT-4.1.0-2] a Session Expiry Interval in the DISCONNECT replaces that of the CONNECT") {
  const std::string shorter = unique_name("shorter");
  Client(shared_broker(), persistent(Version::v5, shorter)).disconnect(0, property(Prop::session_expiry, 0));
  CHECK_FALSE(Client(shared_broker(), persistent(Version::v5, shorter)).connack().session_present);
  const std::string longer = unique_name("longer");
  Connect second = persistent(Version::v5, longer);
  second.properties = property(Prop::session_expiry, 1);
  Client(shared_broker(), second).disconnect(0, property(Prop::session_expiry, 60));
  let_pass(std::chrono::milliseconds(1600));
  CHECK(Client(shared_broker(), second).connack().session_present);
}

TEST_CASE(
    "[MQTT-3.1.2-23] a Session Expiry Interval in the DISCONNECT counts with Reason Code 0x04 too, for the Will") {
  const std::string id = unique_name("with/will");
  Client watcher(shared_broker());
  watcher.subscribe(id);
  Connect connect = persistent(Version::v5, id);
  connect.will = Will{.topic = id, .payload = "gone", .properties = property(Prop::will_delay, 600)};
  Client(shared_broker(), connect).disconnect(4, property(Prop::session_expiry, 0));
  CHECK(watcher.receive().payload == "gone");
}

TEST_CASE("[MQTT-4.13.1-1] a Session Expiry Interval in the DISCONNECT where the CONNECT had 0 is a Protocol Error") {
  const std::string topic = unique_name("zero");
  Client watcher(shared_broker());
  watcher.subscribe(topic);
  Client client(shared_broker(), Connect{.will = Will{.topic = topic, .payload = "gone"}});
  client.send(encode_disconnect(Version::v5, 0, property(Prop::session_expiry, 60)));
  client.expect_disconnect(0x82);
  CHECK(watcher.receive().payload == "gone");
}

TEST_CASE(
    "[MQTT-3.14.2-2] [MQTT-3.14.2-3] [MQTT-3.14.2-4] [MQTT-3.1.2-24] a DISCONNECT from the broker has no Session "
    "Expiry Interval and keeps within the Maximum Packet Size") {
  constexpr std::uint32_t kSizeMax = 24;
  for (const std::string& properties : {std::string{}, property(Prop::maximum_packet_size, kSizeMax)}) {
    Client client(shared_broker(), Connect{.properties = properties});
    client.send("36 07 0001 'a' 0001 00 'x'"_hex);
    const RawPacket packet = client.read_packet();
    REQUIRE(packet.first == 0xE0);
    if (!properties.empty()) CHECK(packet.bytes.size() <= kSizeMax);
    std::string_view left = packet.body;
    REQUIRE(left.size() >= 1);
    left.remove_prefix(1);
    if (!left.empty()) CHECK_FALSE(Properties::parse(left, Where::current()).has(Prop::session_expiry));
    client.expect_close();
  }
}

TEST_CASE("[MQTT-3.14.4-1] [MQTT-3.14.4-2] after its own DISCONNECT the broker sends nothing more and closes") {
  const std::string topic = unique_name("last");
  Client client(shared_broker());
  Client publisher(shared_broker());
  client.subscribe(topic);
  client.send("82 03 0001 00"_hex + "C0 00 C0 00"_hex);
  for (int i = 0; i < 10; ++i) publisher.publish({.topic = topic});
  client.expect_disconnect(0x82);
}

TEST_CASE("[MQTT-3.14.2-1] a broker that ends tells its MQTT 5 clients, or closes") {
  Broker broker;
  Client v5(broker);
  Client v3(broker, Version::v3_1_1);
  broker.stop();
  const std::optional<RawPacket> packet = v5.read_packet_or_close();
  if (packet) CHECK(packet->bytes.substr(0, 1) + packet->body.substr(0, 1) == "E0 8B"_hex);
  v3.expect_close();
}

TEST_CASE(
    "[MQTT-3.14.2-3] [MQTT-3.1.2-24] words that a client asked for are left out where its Maximum Packet Size has no "
    "room for them") {
  constexpr std::uint32_t kSizeMax = 20;
  const std::string properties =
      property(Prop::request_problem_information, 1) + property(Prop::maximum_packet_size, kSizeMax);
  for (const std::string& bytes : {"36 07 0001 'a' 0001 00 'x'"_hex, "82 03 0001 00"_hex, "23 00"_hex, "10 00"_hex}) {
    CAPTURE(to_hex(bytes));
    Client client(shared_broker(), Connect{.properties = properties});
    client.send(bytes);
    const RawPacket packet = client.read_packet();
    CHECK(packet.type() == PacketType::disconnect);
    CHECK(packet.bytes.size() <= kSizeMax);
  }
}

}  // namespace bramble::testing
