#include <doctest/doctest.h>
#include <map>
#include <memory>
#include <utility>

#include "tests/support/client.h"

// Section 3.1.4: a client that connects while it is connected.
namespace bramble::testing {

TEST_CASE("[MQTT-3.1.4-3] [3.1.1: MQTT-3.1.4-2] a client that connects again takes its session over") {
  for (const Version version : kAllVersions) {
    CAPTURE(version);
    const std::string id = unique_name("taken");
    Client old(shared_broker(), persistent(version, id));
    old.subscribe(id, 1);
    Client now(shared_broker(), persistent(version, id));
    old.expect_refusal(version, 0x8E);
    if (version != Version::v3_1) CHECK(now.connack().session_present);
    now.publish({.topic = id, .payload = "to the new one", .qos = 1});
    CHECK(now.take().payload == "to the new one");
  }
}

TEST_CASE("[MQTT-3.1.4-3] a session taken over again and again ends with the last connection") {
  const std::string id = unique_name("again");
  std::vector<std::unique_ptr<Client>> clients;
  for (int i = 0; i < 20; ++i)
    clients.push_back(std::make_unique<Client>(shared_broker(), persistent(Version::v5, id)));
  for (std::size_t i = 0; i + 1 < clients.size(); ++i) clients[i]->expect_disconnect(0x8E);
  clients.back()->expect_nothing();
}

TEST_CASE("[MQTT-3.1.4-3] a takeover across versions works both ways") {
  const std::string id = unique_name("versions");
  Client v3(shared_broker(), persistent(Version::v3_1_1, id));
  Client v5(shared_broker(), persistent(Version::v5, id));
  v3.expect_close();
  CHECK(v5.connack().session_present);
  Client again(shared_broker(), persistent(Version::v3_1_1, id));
  v5.expect_disconnect(0x8E);
  CHECK(again.connack().session_present);
}

TEST_CASE(
    "[MQTT-3.1.4-3] [MQTT-3.1.4-5] what a client sends along with a CONNECT that takes a session over is handled on "
    "the session") {
  for (const Version version : kSince311) {
    CAPTURE(version);
    const std::string id = unique_name("along");
    std::vector<RawClient> clients;
    for (unsigned round = 0; round < 50; ++round) {
      const std::string payload = std::to_string(round);
      RawClient& client = clients.emplace_back(shared_broker().port());
      client.send(encode(persistent(version, id)) + encode_subscribe(version, 1, {{id, 0}}) +
                  encode(version, Publish{.topic = id, .payload = payload}) + "C0 00"_hex);
      CHECK(parse_connack(version, client.read_packet()).session_present == (round > 0));
      // No clause orders these three: the SUBACK may wait for a disk.
      std::map<PacketType, RawPacket> answers;
      while (answers.size() < 3) {
        RawPacket packet = client.read_packet();
        REQUIRE(answers.emplace(packet.type(), std::move(packet)).second);
      }
      CHECK(answers.contains(PacketType::suback));
      CHECK(answers.contains(PacketType::pingresp));
      REQUIRE(answers.contains(PacketType::publish));
      CHECK(parse_publish(version, answers.at(PacketType::publish)).payload == payload);
      if (round > 0) clients[round - 1].expect_refusal(version, 0x8E);
    }
  }
}

TEST_CASE("[MQTT-3.1.4-3] a client that reads nothing can be taken over") {
  const std::string id = unique_name("deaf");
  Client deaf(shared_broker(), persistent(Version::v5, id));
  deaf.shrink_receive_buffer(4096);
  deaf.subscribe(id, 0);
  Client publisher(shared_broker());
  for (int i = 0; i < 100; ++i) publisher.publish({.topic = id, .payload = std::string(100'000, 'x')});
  Client now(shared_broker(), persistent(Version::v5, id));
  CHECK(now.connack().session_present);
  publisher.publish({.topic = id, .payload = "heard"});
  CHECK(now.receive().payload == "heard");
}

TEST_CASE("[MQTT-3.1.2-8] a Will that is due when its client connects again goes before all that it says then") {
  for (const bool there : {true, false}) {  // is its old connection still, when the new one comes?
    for (const std::uint32_t expiry : {0u, 60u}) {
      CAPTURE(there);
      CAPTURE(expiry);
      const std::string topic = unique_name("will/status");
      Connect hello{.version = Version::v5, .client_id = unique_name("returns"), .clean_start = false};
      hello.properties = property(Prop::session_expiry, expiry);
      Connect with_will = hello;
      with_will.will = Will{.topic = topic, .payload = "offline", .retain = true};
      const Publish online{.topic = topic, .payload = "online", .qos = 1, .retain = true, .packet_id = 1};
      for (int i = 0; i < 20; ++i) {
        Client before(shared_broker(), with_will);
        if (!there) before.close();
        RawClient again(shared_broker().port());
        again.send(encode(hello) + encode(Version::v5, online));
        again.await(PacketType::connack);
        again.await(PacketType::puback);
        Client watcher(shared_broker());
        watcher.subscribe(topic);
        CHECK(watcher.receive().payload == "online");
      }
    }
  }
}

}  // namespace bramble::testing
