#include <doctest/doctest.h>

#include "tests/support/client.h"

// MQTT 3.1: what differs from 3.1.1. Everything that does not is tested with the later versions.
namespace bramble::testing {

TEST_CASE("[3.1] MQIsdp with level 3 is MQTT 3.1, and other pairs of name and level are refused") {
  RawClient good(shared_broker().port());
  good.send("10 12 0006 'MQIsdp' 03 02 003C 0004 'old0'"_hex);
  good.expect("20 02 00 00"_hex);
  for (const std::string& start : {"0006 'MQIsdp' 04"_hex, "0004 'MQTT' 03"_hex, "0006 'MQISDP' 03"_hex}) {
    CAPTURE(to_hex(start));
    RawClient bad(shared_broker().port());
    bad.send(packet(0x10, start + "02 003C 0003 'old'"_hex));
    const std::optional<RawPacket> refusal = bad.read_packet_or_close();
    if (!refusal) continue;
    CHECK(refusal->bytes == "20 02 00 01"_hex);
    bad.expect_close();
  }
}

TEST_CASE("[3.1] a Client Identifier of no bytes is refused with return code 2, whatever Clean Session says") {
  for (const bool clean : {true, false}) {
    RawClient client(shared_broker().port());
    client.send(encode(Connect{.version = Version::v3_1, .clean_start = clean}));
    client.expect("20 02 00 02"_hex);
    client.expect_close();
  }
}

TEST_CASE("[3.1] the CONNACK has no Session Present: its first byte is 0 though the session goes on") {
  const std::string id = unique_name("v31");
  Client(shared_broker(), persistent(Version::v3_1, id)).subscribe(id, 1);
  Client(shared_broker(), persistent(Version::v3_1, id)).disconnect();
  Client(shared_broker(), Version::v3_1).publish({.topic = id, .payload = "kept", .qos = 1});
  RawClient back(shared_broker().port());
  back.send(encode(persistent(Version::v3_1, id)));
  back.expect("20 02 00 00"_hex);
  CHECK(parse_publish(Version::v3_1, back.read_packet()).payload == "kept");
}

TEST_CASE("[3.1] a Client Identifier of more than 23 characters is accepted, as everywhere today") {
  CHECK(Client(shared_broker(), Connect{.version = Version::v3_1, .client_id = std::string(40, 'c')}).connack().code ==
        0);
}

TEST_CASE("[3.1] unacknowledged messages come again after a reconnect") {
  const std::string id = unique_name("v31/again");
  Client first(shared_broker(), persistent(Version::v3_1, id));
  first.subscribe(id, 2);
  Client publisher(shared_broker(), Version::v3_1);
  for (const unsigned qos : {1u, 2u}) publisher.publish({.topic = id, .payload = "x", .qos = qos});
  const std::vector<Message> sent = first.drain();
  REQUIRE(sent.size() == 2);
  first.drop();
  Client back(shared_broker(), persistent(Version::v3_1, id));
  for (const Message& message : sent) {
    const Message again = back.take();
    CHECK(again.packet_id == message.packet_id);
    CHECK(again.dup);
  }
  back.expect_nothing();
}

TEST_CASE("[3.1] a version may be shut out by its number") {
  if (!shared_broker().is_bramble()) return;  // mosquitto knows the option since 2.1
  Broker broker("accept_protocol_versions 4,5");
  RawClient v3(broker.port());
  v3.send(encode(Connect{.version = Version::v3_1, .client_id = "old"}));
  v3.expect("20 02 00 01"_hex);
  v3.expect_close();
  for (const Version version : kSince311) CHECK(Client(broker, version).connack().code == 0);
}

}  // namespace bramble::testing
