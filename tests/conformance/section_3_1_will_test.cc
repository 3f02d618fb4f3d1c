#include <doctest/doctest.h>

#include "tests/support/client.h"

// Section 3.1: Will Messages.
namespace bramble::testing {
namespace {

Connect with_will(Version version, const std::string& topic, const Will& will = {}) {
  Connect connect{.version = version, .will = will};
  connect.will->topic = topic;
  if (connect.will->payload.empty()) connect.will->payload = "gone";
  return connect;
}

}  // namespace

TEST_CASE(
    "[MQTT-3.1.2-7] [MQTT-3.1.2-8] [MQTT-3.1.2-9] [3.1.1: MQTT-3.1.2-8] [3.1.1: MQTT-3.1.2-9] a Will is published when "
    "the network fails") {
  for (const Version version : kAllVersions) {
    CAPTURE(version);
    const std::string topic = unique_name("will");
    Client watcher(shared_broker(), version);
    watcher.subscribe(topic);
    Client client(shared_broker(), with_will(version, topic));
    watcher.expect_nothing();
    client.drop();
    const Message will = watcher.receive();
    CHECK(will.topic == topic);
    CHECK(will.payload == "gone");
    CHECK_FALSE(will.retain);
    watcher.expect_nothing();
  }
}

TEST_CASE("[MQTT-3.1.2-8] [3.1.1: MQTT-3.1.2-8] a Will is published when the Keep Alive runs out") {
  const std::string topic = unique_name("will/silent");
  Client watcher(shared_broker());
  watcher.subscribe(topic);
  std::vector<Client> clients;
  for (const Version version : kAllVersions) {
    Connect connect = with_will(version, topic);
    connect.keep_alive = 1;
    clients.emplace_back(shared_broker(), connect);
  }
  for (std::size_t i = 0; i < clients.size(); ++i) CHECK(watcher.receive().payload == "gone");
}

TEST_CASE("[MQTT-3.1.2-8] [3.1.1: MQTT-3.1.2-8] a Will is published after a protocol error") {
  for (const Version version : kAllVersions) {
    CAPTURE(version);
    const std::string topic = unique_name("will/error");
    Client watcher(shared_broker(), version);
    watcher.subscribe(topic);
    Client client(shared_broker(), with_will(version, topic));
    client.send("36 06 0001 'a' 0001 'x'"_hex);  // QoS 3
    CHECK(watcher.receive().payload == "gone");
  }
}

TEST_CASE("[MQTT-3.1.2-8] [MQTT-3.1.4-3] a Will is published when its session is taken over by a clean start") {
  for (const Version version : kAllVersions) {
    CAPTURE(version);
    const std::string topic = unique_name("will/taken");
    Client watcher(shared_broker(), version);
    watcher.subscribe(topic);
    Connect connect = with_will(version, topic);
    connect.client_id = unique_name("taken");
    Client client(shared_broker(), connect);
    Client next(shared_broker(), Connect{.version = version, .client_id = connect.client_id});
    CHECK(watcher.receive().payload == "gone");
    watcher.expect_nothing();
  }
}

TEST_CASE(
    "[MQTT-3.1.2-8] [MQTT-3.1.2-10] [MQTT-3.14.4-3] [3.1.1: MQTT-3.1.2-10] [3.1.1: MQTT-3.14.4-3] a normal DISCONNECT "
    "deletes the Will") {
  for (const Version version : kAllVersions) {
    CAPTURE(version);
    const std::string topic = unique_name("will/deleted");
    Client watcher(shared_broker(), version);
    watcher.subscribe(topic);
    Connect connect = with_will(version, topic);
    connect.client_id = unique_name("leaver");
    Client(shared_broker(), connect).disconnect();
    watcher.expect_nothing();
    Client(shared_broker(), Connect{.version = version, .client_id = connect.client_id}).drop();
    watcher.expect_nothing();
  }
}

TEST_CASE(
    "[MQTT-3.1.2-8] [MQTT-3.14.2-1] a DISCONNECT with Reason Code 0x04 publishes the Will, and so does a failure") {
  for (const unsigned code : {0x04u, 0x80u, 0x98u}) {
    CAPTURE(code);
    const std::string topic = unique_name("will/with");
    Client watcher(shared_broker());
    watcher.subscribe(topic);
    Client(shared_broker(), with_will(Version::v5, topic)).disconnect(code);
    CHECK(watcher.receive().payload == "gone");
    watcher.expect_nothing();
  }
}

TEST_CASE("[MQTT-3.1.2-10] [3.1.1: MQTT-3.1.2-10] a Will is published once") {
  for (const Version version : kAllVersions) {
    CAPTURE(version);
    const std::string topic = unique_name("will/once");
    Client watcher(shared_broker(), version);
    watcher.subscribe(topic);
    Connect connect = persistent(version, unique_name("once"));
    connect.will = Will{.topic = topic, .payload = "gone"};
    Client(shared_broker(), connect).drop();
    CHECK(watcher.receive().payload == "gone");
    connect.will.reset();
    Client(shared_broker(), connect).drop();
    watcher.expect_nothing();
  }
}

TEST_CASE("[MQTT-3.1.2-7] [3.1.1: MQTT-3.1.2-12] without a Will nothing is published") {
  for (const Version version : kAllVersions) {
    Client watcher(shared_broker(), version);
    const std::string topic = unique_name("will/none");
    watcher.subscribe(topic + "/#");
    Client(shared_broker(), version).drop();
    watcher.expect_nothing();
  }
}

TEST_CASE(
    "[MQTT-3.1.2-12] [3.1.1: MQTT-3.1.2-9] a Will has the QoS that was asked for, and an empty payload if so given") {
  for (const Version version : kAllVersions) {
    for (const unsigned qos : {0u, 1u, 2u}) {
      CAPTURE(version);
      const std::string topic = unique_name("will/qos");
      Client watcher(shared_broker(), version);
      watcher.subscribe(topic, 2);
      Connect connect = with_will(version, topic);
      connect.will->qos = qos;
      connect.will->payload = "";
      Client(shared_broker(), connect).drop();
      const Message will = watcher.take();
      CHECK(will.qos == qos);
      CHECK(will.payload.empty());
    }
  }
}

TEST_CASE(
    "[MQTT-3.1.2-11] [MQTT-3.1.2-12] [MQTT-3.1.2-13] [3.1.1: MQTT-3.1.2-11] [3.1.1: MQTT-3.1.2-13] "
    "[3.1.1: MQTT-3.1.2-14] [3.1.1: MQTT-3.1.2-15] will flags that contradict each other refuse the CONNECT") {
  struct Case {
    std::string what;
    unsigned flags;
    bool will;
  };
  const Case cases[] = {
      {"Will QoS 1 without a Will", 0x0A, false},  {"Will QoS 2 without a Will", 0x12, false},
      {"Will Retain without a Will", 0x22, false}, {"Will QoS 3", 0x1E, true},
      {"Will QoS 3 without a Will", 0x1A, false},
  };
  for (const Version version : kSince311) {
    for (const Case& each : cases) {
      CAPTURE(version);
      CAPTURE(each.what);
      Connect connect{.version = version, .client_id = unique_name("flags")};
      if (each.will) connect.will = Will{.topic = "will", .payload = "x"};
      std::string bytes = encode(connect);
      bytes[9] = static_cast<char>(each.flags);
      expect_connect_refused(shared_broker(), version, bytes, {0x81, 0x82});
    }
  }
}

TEST_CASE("[MQTT-3.1.2-14] [3.1.1: MQTT-3.1.2-16] a Will without Will Retain leaves no retained message") {
  for (const Version version : kAllVersions) {
    CAPTURE(version);
    const std::string topic = unique_name("will/passing");
    Client watcher(shared_broker(), version);
    watcher.subscribe(topic);
    Client(shared_broker(), with_will(version, topic)).drop();
    CHECK_FALSE(watcher.receive().retain);
    Client later(shared_broker(), version);
    later.subscribe(topic);
    later.expect_nothing();
  }
}

TEST_CASE("[MQTT-3.1.2-15] [3.1.1: MQTT-3.1.2-17] a Will with Will Retain becomes the retained message") {
  for (const Version version : kAllVersions) {
    CAPTURE(version);
    const std::string topic = unique_name("will/kept");
    Client watcher(shared_broker(), version);
    watcher.subscribe(topic);
    Client(shared_broker(), with_will(version, topic, {.retain = true})).drop();
    CHECK_FALSE(watcher.receive().retain);
    Client later(shared_broker(), version);
    later.subscribe(topic);
    const Message retained = later.receive();
    CHECK(retained.payload == "gone");
    CHECK(retained.retain);
  }
}

TEST_CASE("[MQTT-3.1.2-8] a Will waits for its Will Delay Interval") {
  const std::string topic = unique_name("will/delayed");
  Client watcher(shared_broker());
  watcher.subscribe(topic);
  Connect connect = persistent(Version::v5, unique_name("delayed"));
  connect.will = Will{.topic = topic, .payload = "gone", .properties = property(Prop::will_delay, 1)};
  const auto start = std::chrono::steady_clock::now();
  Client(shared_broker(), connect).drop();
  watcher.expect_nothing();
  const Message will = watcher.receive();
  CHECK(std::chrono::steady_clock::now() - start >= std::chrono::milliseconds(900));
  CHECK(will.payload == "gone");
  CHECK_FALSE(will.properties.has(Prop::will_delay));
}

TEST_CASE("[MQTT-3.1.2-8] a Will does not wait longer than its session lives") {
  const std::string topic = unique_name("will/session/end");
  Client watcher(shared_broker());
  watcher.subscribe(topic);
  Connect connect{.will = Will{.topic = topic, .payload = "at once", .properties = property(Prop::will_delay, 600)}};
  Client(shared_broker(), connect).drop();
  CHECK(watcher.receive().payload == "at once");
  connect.properties = property(Prop::session_expiry, 1);
  connect.will->payload = "after a second";
  Client(shared_broker(), connect).drop();
  watcher.expect_nothing();
  CHECK(watcher.receive().payload == "after a second");
}

TEST_CASE("[MQTT-3.1.2-8] a takeover with a clean start ends the session, so its delayed Will is due") {
  const std::string topic = unique_name("will/clean");
  Client watcher(shared_broker());
  watcher.subscribe(topic);
  Connect connect = persistent(Version::v5, unique_name("clean"));
  connect.will = Will{.topic = topic, .payload = "gone", .properties = property(Prop::will_delay, 600)};
  Client old(shared_broker(), connect);
  Client next(shared_broker(), Connect{.client_id = connect.client_id});
  CHECK(watcher.receive().payload == "gone");
}

TEST_CASE("[MQTT-3.1.3-9] [MQTT-3.1.2-8] a reconnect within the Will Delay Interval cancels the Will") {
  const std::string topic = unique_name("will/cancelled");
  Client watcher(shared_broker());
  watcher.subscribe(topic);
  Connect connect = persistent(Version::v5, unique_name("cancelled"));
  connect.will = Will{.topic = topic, .payload = "gone", .properties = property(Prop::will_delay, 1)};
  Client(shared_broker(), connect).drop();
  connect.will.reset();
  Client back(shared_broker(), connect);
  CHECK(back.connack().session_present);
  let_pass(std::chrono::milliseconds(1500));
  watcher.expect_nothing();
  back.expect_nothing();
}

TEST_CASE("[MQTT-3.1.3-9] a takeover within the Will Delay Interval cancels the Will") {
  const std::string topic = unique_name("will/takeover");
  Client watcher(shared_broker());
  watcher.subscribe(topic);
  Connect connect = persistent(Version::v5, unique_name("takeover"));
  connect.will = Will{.topic = topic, .payload = "gone", .properties = property(Prop::will_delay, 1)};
  Client old(shared_broker(), connect);
  connect.will.reset();
  Client now(shared_broker(), connect);
  old.expect_disconnect(0x8E);
  let_pass(std::chrono::milliseconds(1500));
  watcher.expect_nothing();
}

TEST_CASE("[MQTT-3.1.3-10] [MQTT-3.3.2-4] [MQTT-3.3.2-6] [MQTT-3.3.2-18] a Will's properties are published with it") {
  const std::string topic = unique_name("will/properties");
  Client watcher(shared_broker());
  watcher.subscribe(topic);
  const std::string properties = property(Prop::user, "b", "1") + property(Prop::payload_format, 1) +
                                 property(Prop::user, "a", "2") + property(Prop::message_expiry, 30) +
                                 property(Prop::content_type, "text") + property(Prop::response_topic, "answers") +
                                 property(Prop::user, "b", "3") + property(Prop::correlation_data, "\x01\xFF");
  Client(shared_broker(), with_will(Version::v5, topic, {.properties = properties})).drop();
  const Properties got = watcher.receive().properties;
  CHECK(got.number(Prop::payload_format) == 1);
  CHECK(got.number(Prop::message_expiry).value_or(0) <= 30);
  CHECK(got.number(Prop::message_expiry).value_or(0) >= 28);
  CHECK(got.text(Prop::content_type) == "text");
  CHECK(got.text(Prop::response_topic) == "answers");
  CHECK(got.text(Prop::correlation_data) == "\x01\xFF");
  const std::vector<std::pair<std::string, std::string>> user{{"b", "1"}, {"a", "2"}, {"b", "3"}};
  CHECK(got.user() == user);
  const std::string longest = property(Prop::message_expiry, 0xFFFF'FFFF);
  Client(shared_broker(), with_will(Version::v5, topic, {.properties = longest})).drop();
  CHECK(watcher.receive().properties.number(Prop::message_expiry) == 0xFFFF'FFFFu);
}

TEST_CASE(
    "[MQTT-3.1.3-11] [MQTT-4.7.0-1] [3.1.1: MQTT-4.7.1-1] a Will Topic that is no Topic Name refuses the CONNECT") {
  for (const Version version : kSince311) {
    for (const char* topic : {"will/+", "will/#", "#", ""}) {
      CAPTURE(version);
      CAPTURE(std::string(topic));
      Connect connect{.version = version, .client_id = unique_name("topic"), .will = Will{.topic = topic}};
      expect_connect_refused(shared_broker(), version, encode(connect), {0x81, 0x82, 0x90});
    }
  }
}

TEST_CASE("[MQTT-4.13.1-1] a Will with properties that are not a Will's refuses the CONNECT") {
  for (const std::string& properties : {"23 0001"_hex, "0B 01"_hex, "11 00000001"_hex, "01 00 01 00"_hex}) {
    CAPTURE(to_hex(properties));
    Connect connect{.client_id = unique_name("will"), .will = Will{.topic = "will", .properties = properties}};
    expect_connect_refused(shared_broker(), Version::v5, encode(connect), {0x81, 0x82});
  }
}

TEST_CASE(
    "[MQTT-3.1.2-8] [MQTT-3.1.2-10] a takeover of a session that ends with its connection publishes the Will once, "
    "whatever its delay") {
  for (const std::uint32_t delay : {0u, 600u}) {
    CAPTURE(delay);
    const std::string topic = unique_name("will/short/session");
    Client watcher(shared_broker());
    watcher.subscribe(topic);
    Connect connect{.client_id = unique_name("short"), .clean_start = false};
    connect.will = Will{.topic = topic, .payload = "gone", .properties = property(Prop::will_delay, delay)};
    Client old(shared_broker(), connect);
    connect.will.reset();
    Client now(shared_broker(), connect);
    old.expect_disconnect(0x8E);
    CHECK(watcher.receive().payload == "gone");
    watcher.expect_nothing();
    now.drop();
    watcher.expect_nothing();
  }
}

TEST_CASE(
    "[MQTT-3.1.2-8] a Will without a delay is published when the session is taken over, and the session goes on") {
  const std::string topic = unique_name("will/no/delay");
  Client watcher(shared_broker());
  watcher.subscribe(topic);
  Connect connect = persistent(Version::v5, unique_name("no/delay"));
  connect.will = Will{.topic = topic, .payload = "old"};
  Client old(shared_broker(), connect);
  connect.will->payload = "new";
  Client now(shared_broker(), connect);
  CHECK(now.connack().session_present);
  CHECK(watcher.receive().payload == "old");
  now.drop();
  CHECK(watcher.receive().payload == "new");
  watcher.expect_nothing();
}

TEST_CASE("[MQTT-3.1.4-2] a Will for $SYS, which is the broker's own, refuses the CONNECT") {
  const Will will{.topic = "$SYS/broker/version", .payload = "mine", .retain = true};
  Client watcher(shared_broker());
  watcher.subscribe("$SYS/broker/version");
  const std::string before = watcher.receive().payload;
  RawClient v5(shared_broker().port());
  CHECK(try_connect(v5, {.client_id = unique_name("will/sys"), .will = will}).code == 0x87);
  v5.expect_close();
  RawClient v3(shared_broker().port());
  v3.send(encode(Connect{.version = Version::v3_1_1, .client_id = unique_name("will/sys"), .will = will}));
  v3.expect("20 02 00 05"_hex);
  v3.expect_close();
  watcher.expect_nothing();
  Client later(shared_broker());
  later.subscribe("$SYS/broker/version");
  CHECK(later.receive().payload == before);
}

TEST_CASE("[MQTT-3.1.4-2] a Will above message_size_limit refuses the CONNECT; one of that size is published") {
  Broker broker("message_size_limit 100");
  Client watcher(broker);
  watcher.subscribe("will/size");
  Connect connect{.client_id = "large", .will = Will{.topic = "will/size", .payload = std::string(101, 'x')}};
  RawClient v5(broker.port());
  CHECK(try_connect(v5, connect).code == 0x95);
  v5.expect_close();
  connect.version = Version::v3_1_1;
  RawClient v3(broker.port());
  v3.send(encode(connect));
  v3.expect("20 02 00 05"_hex);
  v3.expect_close();
  watcher.expect_nothing();
  for (const Version version : kSince311) {
    connect.version = version;
    connect.will->payload = std::string(100, 'x');
    Client(broker, connect).drop();
    CHECK(watcher.receive().payload.size() == 100);
  }
}

}  // namespace bramble::testing
