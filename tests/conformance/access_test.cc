#include <algorithm>
#include <doctest/doctest.h>
#include <set>

#include "tests/support/client.h"
#include "tests/support/text_file.h"

// acl_file: what a running broker lets clients publish and receive.
namespace bramble::testing {
namespace {

constexpr unsigned kNotAuthorized = 0x87;

Connect as(const std::string& user, const std::string& client_id, Version version = Version::v5) {
  return Connect{.version = version, .client_id = client_id, .user_name = user, .password = ""};
}

}  // namespace

TEST_CASE("[MQTT-3.4.2-1] a PUBLISH that the acl_file denies is answered with 0x87 and goes nowhere") {
  const TextFile rules("topic readwrite open/#\ntopic read shut/#\n");
  Broker broker("acl_file " + rules.path());
  for (const Version version : kAllVersions) {
    Client publisher(broker, version), reader(broker, version);
    reader.subscribe("#", 2);
    const unsigned denied = version == Version::v5 ? kNotAuthorized : 0;
    for (const unsigned qos : {0u, 1u, 2u}) {
      CAPTURE(qos);
      CHECK(publisher.publish({.topic = "open/a", .payload = "1", .qos = qos}) == 0);
      CHECK(publisher.publish({.topic = "shut/a", .payload = "2", .qos = qos}) == (qos == 0 ? 0 : denied));
      CHECK(publisher.publish({.topic = "else", .payload = "3", .qos = qos}) == (qos == 0 ? 0 : denied));
      CHECK(publisher.publish({.topic = "open/a", .payload = "4", .qos = qos}) == 0);
      CHECK(reader.take().payload == "1");
      CHECK(reader.take().payload == "4");
      reader.expect_nothing();
    }
  }
}

TEST_CASE("a SUBSCRIBE is granted whatever the acl_file says; what may not be read is not delivered") {
  const TextFile rules(
      "topic readwrite #\nuser anna\ntopic read house/+/lamp\ntopic deny house/cellar/lamp\ntopic write house/#\n");
  Broker broker("acl_file " + rules.path());
  Client anna(broker, as("anna", "a")), nobody(broker);
  anna.subscribe("#", 1);
  anna.subscribe("$share/group/#", 1);
  for (const char* topic : {"house/hall/lamp", "house/cellar/lamp", "house/hall/door", "street"}) {
    nobody.publish({.topic = topic, .payload = topic, .qos = 1, .retain = true});
  }
  CHECK(anna.take().topic == "house/hall/lamp");
  CHECK(anna.take().topic == "house/hall/lamp");
  anna.expect_nothing();
  Client again(broker, as("anna", "b"));
  again.subscribe("#", 0);  // retained messages go by the same rules
  CHECK(again.receive().topic == "house/hall/lamp");
  again.expect_nothing();
}

TEST_CASE("patterns: %u and %c are the client's own names, and never widen a rule") {
  const TextFile rules("topic readwrite all\npattern readwrite %u/%c/#\n");
  Broker broker("acl_file " + rules.path());
  Client anna(broker, as("anna", "phone"));
  CHECK(anna.publish({.topic = "anna/phone/x", .qos = 1}) == 0x10);
  CHECK(anna.publish({.topic = "anna/tablet/x", .qos = 1}) == kNotAuthorized);
  CHECK(anna.publish({.topic = "ben/phone/x", .qos = 1}) == kNotAuthorized);
  Client wild(broker, as("+", "#"));
  CHECK(wild.publish({.topic = "anna/phone/x", .qos = 1}) == kNotAuthorized);
  Client deep(broker, as("anna", "phone/x"));
  CHECK(deep.publish({.topic = "anna/phone/x/y", .qos = 1}) == kNotAuthorized);
}

TEST_CASE("who is refused for its Will leaves nothing that counts as a client") {
  const TextFile rules("topic readwrite open/#\n");
  const Broker broker("global_max_clients 1\nacl_file " + rules.path());
  for (int i = 0; i < 3; ++i) {
    RawClient denied(broker.port());
    const Connect hello{.client_id = unique_name("d"), .will = Will{.topic = "shut", .payload = "x"}};
    CHECK(try_connect(denied, hello).code == kNotAuthorized);
  }
  CHECK(Client(broker).connack().code == 0);
}

TEST_CASE("[MQTT-3.1.4-2] a Will that the acl_file denies refuses the connection") {
  const TextFile rules("topic readwrite open/#\n");
  Broker broker("acl_file " + rules.path());
  for (const Version version : kAllVersions) {
    RawClient denied(broker.port()), allowed(broker.port());
    CHECK(try_connect(denied, {.version = version, .client_id = "d", .will = Will{.topic = "shut", .payload = "x"}})
              .code == (version == Version::v5 ? kNotAuthorized : 5));
    CHECK(try_connect(allowed, {.version = version, .client_id = "a", .will = Will{.topic = "open/x", .payload = "x"}})
              .code == 0);
  }
}

TEST_CASE("SIGHUP: a new acl_file holds at once, for clients that are there and for those that are away") {
  const TextFile rules("topic readwrite #\n");
  const std::string options = "acl_file " + rules.path();
  Broker broker(options);
  Client publisher(broker), reader(broker);
  reader.subscribe("#", 1);
  { Client(broker, persistent(Version::v5, "away")).subscribe("#", 1); }
  CHECK(publisher.publish({.topic = "shut", .qos = 1}) == 0);  // remembered as allowed
  CHECK(reader.take().topic == "shut");
  rules.replace("topic write #\ntopic read open\ntopic deny shut\n");
  broker.reconfigure(options);
  CHECK(publisher.publish({.topic = "shut", .qos = 1}) == kNotAuthorized);
  publisher.publish({.topic = "other", .qos = 1});
  publisher.publish({.topic = "open", .qos = 1});
  CHECK(reader.take().topic == "open");
  reader.expect_nothing();
  Client back(broker, persistent(Version::v5, "away"));
  CHECK(back.take().topic == "open");  // and "shut" was queued while it was allowed
  back.expect_nothing();
  broker.reconfigure("");
  CHECK(publisher.publish({.topic = "shut", .qos = 1}) == 0);
  CHECK(reader.take().topic == "shut");
}

TEST_CASE("what was sent to or queued for one user does not go to another who comes with the same client id") {
  const TextFile rules("pattern read open\nuser anna\ntopic read #\nuser writer\ntopic write #\n");
  Broker broker("max_inflight_messages 4\nacl_file " + rules.path());
  for (const Version version : kSince311) {
    CAPTURE(version);
    Connect hello = persistent(version, unique_name("shared"));
    hello.user_name = "anna", hello.password = "";
    Client anna(broker, hello), writer(broker, as("writer", "w"));
    anna.subscribe("#", 2);
    for (const char* topic : {"secret", "open"}) {
      for (const unsigned qos : {1u, 2u}) writer.publish({.topic = topic, .payload = "sent", .qos = qos});
    }
    CHECK(anna.drain().size() == 4);
    for (const char* topic : {"secret", "open"}) writer.publish({.topic = topic, .payload = "queued", .qos = 1});
    anna.drop();
    for (const char* topic : {"secret", "open"}) writer.publish({.topic = topic, .payload = "queued", .qos = 1});
    hello.user_name = "ben";
    Client ben(broker, hello);
    CHECK(ben.connack().session_present);
    for (const char* payload : {"sent", "sent", "queued", "queued"}) {
      const Message message = ben.take();
      CHECK(message.topic == "open");
      CHECK(message.payload == payload);
    }
    ben.expect_nothing();
    ben.disconnect();
    hello.user_name = "anna";
    Client(broker, hello).expect_nothing();  // they are gone
  }
}

TEST_CASE("a PUBREL follows a message at QoS 2 that its receiver might not be sent any more") {
  const TextFile rules("user anna\ntopic read #\nuser writer\ntopic write #\n");
  Broker broker("acl_file " + rules.path());
  Connect hello = persistent(Version::v5, "shared");
  hello.user_name = "anna", hello.password = "";
  Client anna(broker, hello), writer(broker, as("writer", "w"));
  anna.subscribe("#", 2);
  writer.publish({.topic = "secret", .qos = 2});
  const Message sent = anna.receive();
  anna.send(encode_ack(PacketType::pubrec, sent.packet_id));
  anna.receive_ack(PacketType::pubrel);
  anna.drop();
  hello.user_name = "ben";
  Client ben(broker, hello);
  CHECK(ben.receive_ack(PacketType::pubrel).packet_id == sent.packet_id);
  ben.expect_nothing();
}

TEST_CASE("what waits for a member of a $share group that may not have it any more goes to one that may") {
  const TextFile rules("topic readwrite #\nuser anna\ntopic readwrite #\nuser ben\ntopic readwrite #\n");
  const std::string options = "max_inflight_messages 1\nacl_file " + rules.path();
  Broker broker(options);
  Client anna(broker, as("anna", "a")), publisher(broker);
  anna.subscribe("$share/group/#", 1);
  for (const char* payload : {"1", "2", "3"}) publisher.publish({.topic = "shut", .payload = payload, .qos = 1});
  const Message sent = anna.receive();
  CHECK(sent.payload == "1");
  Client ben(broker, as("ben", "b"));
  ben.subscribe("$share/group/#", 1);
  rules.replace("topic readwrite #\nuser anna\ntopic readwrite open\nuser ben\ntopic readwrite #\n");
  broker.reconfigure(options);
  anna.acknowledge(sent);
  CHECK(ben.take().payload == "2");
  CHECK(ben.take().payload == "3");
  anna.expect_nothing();
}

TEST_CASE("SIGHUP: what waits for a client that is there goes by the new acl_file too") {
  const TextFile rules("topic readwrite #\n");
  const std::string options = "max_inflight_messages 1\nacl_file " + rules.path();
  Broker broker(options);
  Client reader(broker), publisher(broker);
  reader.subscribe("#", 1);
  for (const char* topic : {"shut", "shut", "open"}) publisher.publish({.topic = topic, .qos = 1});
  const Message sent = reader.receive();
  CHECK(sent.topic == "shut");
  rules.replace("topic readwrite open\n");
  broker.reconfigure(options);
  reader.acknowledge(sent);
  CHECK(reader.take().topic == "open");
  reader.expect_nothing();
}

TEST_CASE("check_retain_source: what is retained is not sent while its publisher might not publish it any more") {
  const TextFile rules("topic readwrite #\nuser anna\ntopic readwrite #\n");
  const std::string options = "acl_file " + rules.path();
  Broker broker(options);
  const auto retained = [&] {
    Client reader(broker);
    reader.subscribe("house/#", 0);
    std::vector<std::string> topics;
    for (const Message& message : reader.drain()) topics.push_back(message.topic);
    std::ranges::sort(topics);
    return topics;
  };
  using Topics = std::vector<std::string>;
  const auto leave = [&](Client& publisher, const std::string& topic) {
    publisher.publish({.topic = topic, .payload = "x", .qos = 1, .retain = true});
  };
  Client anna(broker, as("anna", "a")), nobody(broker, Connect{.client_id = "n"});
  leave(anna, "house/anna"), leave(nobody, "house/nobody");
  leave(anna, "house/both"), leave(nobody, "house/both");
  const Will will{.topic = "house/will", .payload = "x", .retain = true};
  Client(broker, Connect{.client_id = "w", .will = will, .user_name = "anna", .password = ""}).drop();
  const Topics all{"house/anna", "house/both", "house/nobody", "house/will"};
  CHECK(retained() == all);
  broker.reconfigure(options);  // the same rules
  CHECK(retained() == all);
  rules.replace("topic readwrite #\nuser anna\ntopic read #\n");
  broker.reconfigure(options);
  CHECK(retained() == Topics{"house/both", "house/nobody"});
  broker.reconfigure(options + "\ncheck_retain_source false");
  CHECK(retained() == all);
  rules.replace("topic read #\nuser anna\ntopic write house/anna\n");
  broker.reconfigure(options);
  CHECK(retained() == Topics{"house/anna"});
  broker.reconfigure("");
  CHECK(retained() == all);
}

TEST_CASE("what came by a listener that a reload takes away goes by the acl_file that the reload brings") {
  const TextFile rules("topic readwrite #\n");
  const std::string options = "acl_file " + rules.path(), path = rules.path() + ".sock";
  Broker broker(options + "\nlistener 0 " + path);
  RawClient publisher(path), leaver(path);
  CHECK(try_connect(publisher, Connect{.client_id = "p"}).code == 0);
  publisher.send(encode(Version::v5, {.topic = "kept", .payload = "x", .qos = 1, .retain = true, .packet_id = 1}));
  publisher.await(PacketType::puback);
  CHECK(try_connect(leaver, {.client_id = "l", .will = Will{.topic = "will", .payload = "x", .retain = true}}).code ==
        0);
  rules.replace("topic read #\n");
  broker.reconfigure(options);
  leaver.expect_disconnect(0x98);
  Client reader(broker);
  reader.subscribe("#");
  reader.expect_nothing();
}

TEST_CASE("check_retain_source goes by the names of the publisher, however long they are") {
  const TextFile rules("topic readwrite #\nuser anna\ntopic readwrite #\n");
  const std::string options = "acl_file " + rules.path();
  Broker broker(options);
  const auto leave = [&](const std::string& client_id, const std::string& topic) {
    Client(broker, as("anna", client_id)).publish({.topic = topic, .payload = "x", .qos = 1, .retain = true});
  };
  leave("short", "of/short");
  const std::string middling(900, 'm');
  leave(middling, "of/" + middling);
  leave(std::string(65'535, 'l'), "of/long");
  rules.replace("topic readwrite #\npattern readwrite of/%c\n");
  broker.reconfigure(options);
  Client reader(broker);
  reader.subscribe("of/#");
  const std::set<std::string> seen{reader.receive().topic, reader.receive().topic};
  CHECK(seen == std::set<std::string>{"of/" + middling, "of/short"});
  reader.expect_nothing();
}

TEST_CASE("what a client with a long id retains takes no more memory than what others retain") {
  const Broker broker;
  const auto growth = [&broker](const std::string& id) {
    Client publisher(broker, as("anna", id));
    const auto retain = [&](int i) {
      publisher.publish({.topic = id.substr(0, 1) + std::to_string(i), .payload = "x", .qos = 1, .retain = true});
    };
    retain(0);
    const double before = static_cast<double>(broker.rss_bytes());
    for (int i = 1; i < 1000; ++i) retain(i);
    return static_cast<double>(broker.rss_bytes()) - before;
  };
  const double usual = growth("short");
  CHECK(growth(std::string(65'000, 'l')) < usual + 20e6);  // with its id in each it would be 65 MB
}

TEST_CASE("a denial is logged once for each client and rule, with the line of the rule") {
  const TextFile rules("topic readwrite open\ntopic deny shut\n");
  Broker broker("acl_file " + rules.path());
  Client publisher(broker, Connect{.client_id = "curious"});
  for (int i = 0; i < 3; ++i) {
    publisher.publish({.topic = "shut", .qos = 1});
    publisher.publish({.topic = "nowhere", .qos = 1});
  }
  broker.wait_for_log("] may not publish to shut. (" + rules.path() + ":2: topic deny shut)");
  broker.wait_for_log("] may not publish to nowhere. (no rule of " + rules.path() + " allows it)");
  const std::string log = broker.log();
  const auto first = log.find("may not publish to shut");
  CHECK(log.find("may not publish to shut", first + 1) == std::string::npos);
}

}  // namespace bramble::testing
