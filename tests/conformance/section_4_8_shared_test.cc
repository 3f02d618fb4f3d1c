#include <algorithm>
#include <doctest/doctest.h>
#include <memory>
#include <set>

#include "tests/support/client.h"

// Section 4.8: shared subscriptions.
namespace bramble::testing {
namespace {

std::string shared(const std::string& topic, const std::string& group = "group") {
  return "$share/" + group + "/" + topic;
}

/// Takes all that has come and comes, acknowledging; the payloads.
std::vector<std::string> take_all(Client& client) {
  std::vector<std::string> payloads;
  for (;;) {
    const std::vector<Message> messages = client.drain();
    if (messages.empty()) return payloads;
    for (const Message& message : messages) {
      payloads.push_back(message.payload);
      client.acknowledge(message);
    }
  }
}

}  // namespace

TEST_CASE("[MQTT-4.8.2-1] [MQTT-4.8.2-2] [MQTT-3.9.3-2] malformed shared subscriptions are refused") {
  for (const char* filter : {"$share/", "$share//a", "$share/group", "$share/group/", "$share/gr+up/a",
                             "$share/gr#up/a", "$share/+/a", "$share/#"}) {
    CAPTURE(std::string(filter));
    Client client(shared_broker());
    client.send(encode_subscribe(Version::v5, 1, {{filter, 0}}));
    const std::optional<RawPacket> packet = client.read_packet_or_close();
    if (!packet) continue;
    if (packet->type() == PacketType::disconnect) {
      client.expect_close();
      continue;
    }
    CHECK(parse_suback(Version::v5, *packet).codes == std::vector<std::uint8_t>{0x8F});
  }
}

TEST_CASE("[MQTT-4.8.2-1] a message goes to one member of the group, and the members share the load") {
  for (const unsigned qos : {0u, 1u, 2u}) {
    CAPTURE(qos);
    const std::string topic = unique_name("shared");
    constexpr std::size_t kMembers = 4;
    constexpr std::size_t kMessages = 100;
    std::vector<Client> members;
    for (std::size_t i = 0; i < kMembers; ++i) {
      members.emplace_back(shared_broker(), Connect{.properties = property(Prop::receive_maximum, 1000)});
      members.back().subscribe(shared(topic), qos);
    }
    Client publisher(shared_broker());
    std::vector<std::size_t> counts(kMembers);
    std::multiset<std::string> seen;
    for (std::size_t i = 0; i < kMessages; ++i) {
      publisher.publish({.topic = topic, .payload = std::to_string(i), .qos = qos});
      if (i % 10 != 9) continue;
      for (std::size_t m = 0; m < kMembers; ++m) {
        const std::vector<std::string> payloads = take_all(members[m]);
        counts[m] += payloads.size();
        seen.insert(payloads.begin(), payloads.end());
      }
    }
    CHECK(seen.size() == kMessages);
    CHECK(std::set<std::string>(seen.begin(), seen.end()).size() == kMessages);
    for (const std::size_t count : counts) CHECK(count >= kMessages / kMembers / 2);
  }
}

TEST_CASE("[MQTT-4.8.2-1] each group, and each ordinary subscription, gets its own copy") {
  const std::string topic = unique_name("sharing/groups");
  Client first(shared_broker());
  Client second(shared_broker());
  Client plain(shared_broker());
  first.subscribe(shared(topic, "one"), 1);
  second.subscribe(shared(topic, "two"), 1);
  plain.subscribe(topic, 1);
  Client publisher(shared_broker());
  publisher.publish({.topic = topic, .payload = "x", .qos = 1});
  for (Client* client : {&first, &second, &plain}) {
    CHECK(client->take().payload == "x");
    client->expect_nothing();
  }
}

TEST_CASE("[MQTT-4.8.2-1] groups of one name and different filters are different groups; wildcards work as ever") {
  const std::string topic = unique_name("sharing/filters");
  Client first(shared_broker());
  Client second(shared_broker());
  first.subscribe(shared(topic + "/+"), 0);
  second.subscribe(shared(topic + "/#"), 0);
  Client(shared_broker()).publish({.topic = topic + "/x", .payload = "x"});
  CHECK(first.receive().topic == topic + "/x");
  CHECK(second.receive().topic == topic + "/x");
  CHECK(first.drain().empty());
  CHECK(second.drain().empty());
}

TEST_CASE("[MQTT-4.8.2-3] the granted QoS of each member is respected") {
  const std::string topic = unique_name("sharing/qos");
  Client low(shared_broker());
  Client high(shared_broker());
  low.subscribe(shared(topic), 0);
  high.subscribe(shared(topic), 2);
  Client publisher(shared_broker());
  for (int i = 0; i < 10; ++i) publisher.publish({.topic = topic, .payload = "x", .qos = 2});
  const std::vector<Message> to_low = low.drain();
  const std::vector<Message> to_high = high.drain();
  CHECK(to_low.size() + to_high.size() == 10);
  for (const Message& message : to_low) CHECK(message.qos == 0);
  for (const Message& message : to_high) CHECK(message.qos == 2);
}

TEST_CASE("[MQTT-4.8.2-3] a member's Subscription Identifier and Retain As Published are its own") {
  const std::string topic = unique_name("sharing/options");
  Client client(shared_broker());
  client.subscribe(shared(topic), 1 | kRetainAsPublished, property(Prop::subscription_identifier, 8));
  Client(shared_broker()).publish({.topic = topic, .payload = "x", .qos = 1, .retain = true});
  const Message message = client.take();
  CHECK(message.retain);
  CHECK(message.properties.numbers(Prop::subscription_identifier) == std::vector<std::uint32_t>{8});
}

TEST_CASE("[MQTT-4.8.2-1] retained messages are not sent for a shared subscription") {
  const std::string topic = unique_name("sharing/retained");
  Client client(shared_broker());
  client.publish({.topic = topic, .payload = "kept", .qos = 1, .retain = true});
  client.subscribe(shared(topic), 1);
  client.expect_nothing();
}

TEST_CASE("[MQTT-3.10.4-1] [MQTT-3.11.3-2] a member that unsubscribes gets no more; the group goes on without it") {
  const std::string topic = unique_name("sharing/leaving");
  Client leaving(shared_broker());
  Client staying(shared_broker());
  leaving.subscribe(shared(topic), 1);
  staying.subscribe(shared(topic), 1);
  CHECK(leaving.unsubscribe({topic, shared(topic, "other"), shared(topic)}) ==
        std::vector<std::uint8_t>{0x11, 0x11, 0});
  Client publisher(shared_broker());
  for (int i = 0; i < 10; ++i) publisher.publish({.topic = topic, .payload = std::to_string(i), .qos = 1});
  CHECK(take_all(staying).size() == 10);
  leaving.expect_nothing();
}

TEST_CASE("[MQTT-4.8.2-1] a member whose connection ends without a session gets no more") {
  const std::string topic = unique_name("sharing/gone");
  Client staying(shared_broker());
  staying.subscribe(shared(topic), 1);
  {
    Client leaving(shared_broker());
    leaving.subscribe(shared(topic), 1);
    leaving.drop();
  }
  Client publisher(shared_broker());
  for (int i = 0; i < 10; ++i) publisher.publish({.topic = topic, .payload = std::to_string(i), .qos = 1});
  CHECK(take_all(staying).size() == 10);
}

TEST_CASE("[MQTT-4.8.2-1] while a member is connected, absent ones are not chosen; when all are absent none is lost") {
  if (!shared_broker().is_bramble()) return;  // the standard leaves the choice
  const std::string topic = unique_name("sharing/absent");
  const std::string id = unique_name("absent");
  Client(shared_broker(), persistent(Version::v5, id)).subscribe(shared(topic), 1);
  Client(shared_broker(), persistent(Version::v5, id)).disconnect();
  Client publisher(shared_broker());
  publisher.publish({.topic = topic, .payload = "for the absent", .qos = 1});
  Client present(shared_broker());
  present.subscribe(shared(topic), 1);
  for (int i = 0; i < 10; ++i) publisher.publish({.topic = topic, .payload = "for the present", .qos = 1});
  CHECK(take_all(present).size() == 10);
  CHECK(take_all(*std::make_unique<Client>(shared_broker(), persistent(Version::v5, id))) ==
        std::vector<std::string>{"for the absent"});
}

TEST_CASE("[MQTT-4.8.2-1] what a member had not acknowledged at QoS 1 goes to another when its session ends") {
  if (!shared_broker().is_bramble()) return;  // the standard only allows it
  const std::string topic = unique_name("sharing/unacknowledged");
  Client leaving(shared_broker(), Connect{.properties = property(Prop::receive_maximum, 2)});
  leaving.subscribe(shared(topic), 1);
  Client publisher(shared_broker());
  for (int i = 0; i < 5; ++i) publisher.publish({.topic = topic, .payload = std::to_string(i), .qos = 1});
  CHECK(leaving.drain().size() == 2);
  Client staying(shared_broker());
  staying.subscribe(shared(topic), 1);
  leaving.drop();
  std::vector<std::string> payloads;
  for (int i = 0; i < 5; ++i) payloads.push_back(staying.take().payload);
  std::sort(payloads.begin(), payloads.end());
  CHECK(payloads == std::vector<std::string>{"0", "1", "2", "3", "4"});
}

TEST_CASE("[MQTT-4.8.2-4] a QoS 2 delivery to a member that has begun is completed when it reconnects") {
  const std::string topic = unique_name("sharing/begun");
  const std::string id = unique_name("begun");
  Client first(shared_broker(), persistent(Version::v5, id));
  first.subscribe(shared(topic), 2);
  Client(shared_broker()).publish({.topic = topic, .payload = "x", .qos = 2});
  const Message sent = first.receive();
  Client other(shared_broker());
  other.subscribe(shared(topic), 2);
  first.drop();
  other.expect_nothing();
  Client back(shared_broker(), persistent(Version::v5, id));
  const Message again = back.take();
  CHECK(again.packet_id == sent.packet_id);
  CHECK(again.dup);
  other.expect_nothing();
}

TEST_CASE("[MQTT-4.8.2-5] a QoS 2 message whose member's session ends is sent to nobody else") {
  const std::string topic = unique_name("sharing/ended");
  const std::string id = unique_name("ended");
  Client leaving(shared_broker(), persistent(Version::v5, id));
  leaving.subscribe(shared(topic), 2);
  Client(shared_broker()).publish({.topic = topic, .payload = "x", .qos = 2});
  leaving.receive();
  Client other(shared_broker());
  other.subscribe(shared(topic), 2);
  leaving.drop();
  Client(shared_broker(), Connect{.client_id = id}).ping();  // a clean start ends the old session
  other.expect_nothing();
}

TEST_CASE("[MQTT-4.8.2-6] a message that a member refuses goes to nobody else") {
  const std::string topic = unique_name("sharing/refused");
  Client refusing(shared_broker());
  refusing.subscribe(shared(topic), 2);
  Client publisher(shared_broker());
  for (const unsigned qos : {1u, 2u}) publisher.publish({.topic = topic, .payload = "x", .qos = qos});
  const std::vector<Message> messages = refusing.drain();
  REQUIRE(messages.size() == 2);
  Client other(shared_broker());
  other.subscribe(shared(topic), 2);
  refusing.send(encode_ack(PacketType::puback, messages[0].packet_id, 0x80));
  refusing.send(encode_ack(PacketType::pubrec, messages[1].packet_id, 0x83));
  refusing.expect_nothing();
  other.expect_nothing();
  refusing.drop();
  other.expect_nothing();
}

TEST_CASE("[MQTT-4.8.2-1] shared subscriptions belong to the session, and work before MQTT 5 as well") {
  for (const Version version : kSince311) {
    CAPTURE(version);
    const std::string topic = unique_name("sharing/session");
    const std::string id = unique_name("session");
    Client(shared_broker(), persistent(version, id)).subscribe(shared(topic), 1);
    Client(shared_broker(), persistent(version, id)).disconnect();
    Client(shared_broker(), version).publish({.topic = topic, .payload = "x", .qos = 1});
    CHECK(Client(shared_broker(), persistent(version, id)).take().payload == "x");
  }
}

}  // namespace bramble::testing
