#include <doctest/doctest.h>
#include <memory>
#include <vector>

#include "tests/support/client.h"

// A message that several subscriptions of one client match.
namespace bramble::testing {

TEST_CASE("[MQTT-3.3.4-2] allow_duplicate_messages false: one copy, at the highest QoS that was granted") {
  const Broker broker("allow_duplicate_messages false");
  for (const Version version : {Version::v3_1_1, Version::v5}) {
    CAPTURE(version);
    Client subscriber(broker, version), other(broker, version), publisher(broker);
    subscriber.subscribe({{"a/#", 0}, {"a/+", 1}, {"a/b", 2}, {"+/b", 0}});
    other.subscribe("a/+", 1);
    publisher.publish({.topic = "a/b", .payload = "x", .qos = 2});
    publisher.publish({.topic = "a/c", .payload = "y", .qos = 2});
    const Message first = subscriber.receive();
    CHECK(first.payload == "x");
    CHECK(first.qos == 2);
    subscriber.acknowledge(first);
    CHECK(subscriber.take().payload == "y");
    CHECK(subscriber.drain().empty());
    CHECK(other.take().payload == "x");
    CHECK(other.take().payload == "y");
    CHECK(other.drain().empty());
  }
}

TEST_CASE("[MQTT-3.3.4-4] subscriptions with different identifiers get a copy each, so that each is told") {
  const Broker broker("allow_duplicate_messages false");
  Client subscriber(broker), publisher(broker);
  subscriber.subscribe("a/#", 0, property(Prop::subscription_identifier, 1));
  subscriber.subscribe("a/+", 0, property(Prop::subscription_identifier, 2));
  subscriber.subscribe("+/b", 0, property(Prop::subscription_identifier, 1));
  publisher.publish({.topic = "a/b", .payload = "x", .qos = 1});
  CHECK(subscriber.drain().size() == 2);
}

TEST_CASE("No Local of one subscription does not keep a message from another, which has it not") {
  const Broker broker("allow_duplicate_messages false");
  Client client(broker);
  client.subscribe({{"a/#", kNoLocal}, {"a/+", 0}, {"b", kNoLocal}});
  client.publish({.topic = "a/b", .payload = "x", .qos = 1});
  client.publish({.topic = "b", .payload = "y", .qos = 1});
  const auto all = client.drain();
  REQUIRE(all.size() == 1);
  CHECK(all[0].payload == "x");
}

TEST_CASE("allow_duplicate_messages false holds in wide fan-outs that take several turns, and for members of a group") {
  Broker broker("allow_duplicate_messages false\nthreads 2");
  std::vector<std::unique_ptr<Client>> clients;
  for (int i = 0; i < 200; ++i) {
    clients.push_back(std::make_unique<Client>(broker));
    clients.back()->subscribe({{"w/#", 0}, {"w/+", 1}, {"w/x", 0}, {"$share/g/w/x", 0}});
  }
  Client publisher(broker);
  for (int i = 0; i < 20; ++i) publisher.publish({.topic = "w/x", .payload = "m", .qos = 1});
  std::size_t copies = 0;
  for (const auto& client : clients) {
    std::size_t at_qos_1 = 0;
    for (const Message& message : client->drain()) {
      ++copies;
      at_qos_1 += message.qos;
    }
    CHECK(at_qos_1 == 20);
  }
  CHECK(copies == 200 * 20 + 20);  // and each once for the group
  broker.reconfigure("threads 2");
  publisher.publish({.topic = "w/x", .payload = "m"});
  copies = 0;
  for (const auto& client : clients) copies += client->drain().size();
  CHECK(copies == 200 * 3 + 1);
}

}  // namespace bramble::testing
