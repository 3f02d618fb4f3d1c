#include <doctest/doctest.h>

#include "tests/support/client.h"

// Section 3.1: CONNECT. Wills and takeovers have files of their own.
namespace bramble::testing {
namespace {

/// A CONNACK in the form of either age, return code 1 or Reason Code 0x84, and the end.
void expect_version_refused(RawClient& client, const RawPacket& refusal) {
  const bool v3 = refusal.bytes == "20 02 00 01"_hex;
  const bool v5 = refusal.first == 0x20 && refusal.body.size() >= 3 && refusal.body.substr(0, 2) == "00 84"_hex;
  CHECK((v3 || v5));
  client.expect_close();
}

}  // namespace

TEST_CASE(
    "[MQTT-3.1.0-1] [MQTT-3.14.0-1] [3.1.1: MQTT-3.1.0-1] what does not begin with a CONNECT is closed unanswered") {
  const std::string firsts[] = {
      "C0 00"_hex,
      "E0 00"_hex,
      "30 04 0001 'a' 'x'"_hex,
      "30 05 0001 'a' 00 'x'"_hex,
      "82 06 0001 0001 'a' 00"_hex,
      "40 02 0001"_hex,
      "20 02 00 00"_hex,
      "F0 00"_hex,
      "00 00"_hex,
      "'GET / HTTP/1.1' 0D0A0D0A"_hex,
      "16 03 01 02 00 01 00 01 FC 03 03"_hex,  // a TLS client
      "30 C0 84 3D 00"_hex,                    // a PUBLISH of 1 MB, of which the rest need not be waited for
  };
  for (const std::string& first : firsts) {
    CAPTURE(to_hex(first));
    RawClient client(shared_broker().port());
    client.send(first);
    client.expect_close();
  }
}

TEST_CASE("[MQTT-3.1.2-24] a CONNACK that refuses is not sent above the client's Maximum Packet Size either") {
  for (const unsigned size : {4u, 5u}) {
    CAPTURE(size);
    RawClient client(shared_broker().port());
    client.send(encode(Connect{.client_id = unique_name("small"),
                               .properties = property(Prop::maximum_packet_size, size),
                               .will = Will{.topic = "$SYS/a"}}));
    if (size == 5) client.expect("20 03 00 87 00"_hex);
    client.expect_close();
  }
}

TEST_CASE("[MQTT-3.1.0-2] [MQTT-3.2.0-2] [3.1.1: MQTT-3.1.0-2] a second CONNECT closes the connection") {
  for (const Version version : kAllVersions) {
    CAPTURE(version);
    Client client(shared_broker(), version);
    client.send(encode(Connect{.version = version, .client_id = client.id()}));
    client.expect_refusal(version, 0x82);
  }
}

TEST_CASE("[MQTT-3.1.2-1] [3.1.1: MQTT-3.1.2-1] a protocol name that is not MQTT's is refused") {
  for (const std::string name : {"MQTX", "mqtt", "MQT", "MQTTX", "", "MQisdp"}) {
    for (const unsigned level : {3u, 4u, 5u}) {
      CAPTURE(name);
      CAPTURE(level);
      RawClient client(shared_broker().port());
      const std::string properties = level == 5 ? "00"_hex : "";
      client.send(packet(0x10, prefixed(name) + u8(level) + "02 003C"_hex + properties + "0003 'abc'"_hex));
      const std::optional<RawPacket> refusal = client.read_packet_or_close();  // or none: it may not be MQTT at all
      if (refusal) expect_version_refused(client, *refusal);
    }
  }
}

TEST_CASE("[MQTT-3.1.2-2] [3.1.1: MQTT-3.1.2-2] an unknown protocol version is refused as such") {
  for (const unsigned level : {0u, 1u, 2u, 6u, 127u}) {
    CAPTURE(level);
    RawClient client(shared_broker().port());
    client.send(packet(0x10, "0004 'MQTT'"_hex + u8(level) + "02 003C 00 0003 'abc'"_hex));
    expect_version_refused(client, client.read_packet());
  }
}

TEST_CASE(
    "[MQTT-3.1.2-3] [MQTT-3.1.4-1] [3.1.1: MQTT-3.1.2-3] [3.1.1: MQTT-3.1.4-1] the reserved connect flag must be 0") {
  for (const Version version : kSince311) {
    CAPTURE(version);
    std::string bytes = encode(Connect{.version = version, .client_id = unique_name("reserved")});
    bytes[9] = '\x03';
    expect_connect_refused(shared_broker(), version, bytes, {0x81});
  }
}

TEST_CASE(
    "[MQTT-3.1.2-4] [MQTT-3.1.4-4] [MQTT-3.2.2-2] [3.1.1: MQTT-3.1.2-6] [3.1.1: MQTT-3.1.4-3] [3.1.1: MQTT-3.2.2-1] "
    "a clean start throws the old session away") {
  for (const Version version : kAllVersions) {
    CAPTURE(version);
    const std::string id = unique_name("clean");
    Client publisher(shared_broker(), version);
    {
      Client before(shared_broker(), persistent(version, id));
      before.subscribe(id, 1);
      before.disconnect();
    }
    publisher.publish({.topic = id, .payload = "queued", .qos = 1});
    Client after(shared_broker(), Connect{.version = version, .client_id = id});
    CHECK_FALSE(after.connack().session_present);
    publisher.publish({.topic = id, .payload = "not subscribed", .qos = 1});
    after.expect_nothing();
  }
}

TEST_CASE(
    "[MQTT-3.1.2-5] [MQTT-3.1.3-2] [MQTT-3.2.2-3] [MQTT-3.1.2-23] [3.1.1: MQTT-3.1.2-4] [3.1.1: MQTT-3.1.2-5] "
    "[3.1.1: MQTT-3.1.3-2] [3.1.1: MQTT-3.2.2-2] without a clean start the session goes on, with its subscriptions "
    "and what came meanwhile") {
  for (const Version version : kSince311) {
    CAPTURE(version);
    const std::string id = unique_name("resume");
    Client publisher(shared_broker(), version);
    Client(shared_broker(), persistent(version, id)).subscribe(id + "/#", 2);
    Client(shared_broker(), persistent(version, id)).disconnect();
    publisher.publish({.topic = id + "/1", .payload = "one", .qos = 1});
    publisher.publish({.topic = id + "/2", .payload = "two", .qos = 2});
    Client back(shared_broker(), persistent(version, id));
    CHECK(back.connack().session_present);
    const Message one = back.take();
    CHECK(one.payload == "one");
    CHECK(one.qos == 1);
    CHECK_FALSE(one.dup);
    const Message two = back.take();
    CHECK(two.payload == "two");
    CHECK(two.qos == 2);
    publisher.publish({.topic = id + "/3", .payload = "three"});
    CHECK(back.take().payload == "three");
  }
}

TEST_CASE(
    "[MQTT-3.1.2-6] [MQTT-3.2.2-3] [3.1.1: MQTT-3.1.2-4] [3.1.1: MQTT-3.2.2-3] without a clean start and without a "
    "session a new one begins") {
  for (const Version version : kAllVersions) {
    CAPTURE(version);
    const std::string id = unique_name("new");
    Client client(shared_broker(), persistent(version, id));
    CHECK_FALSE(client.connack().session_present);
    client.subscribe(id, 1);
    client.disconnect();
    Client(shared_broker(), version).publish({.topic = id, .payload = "kept", .qos = 1});
    CHECK(Client(shared_broker(), persistent(version, id)).take().payload == "kept");
  }
}

TEST_CASE(
    "[MQTT-3.1.2-16] [MQTT-3.1.2-17] [MQTT-3.1.2-18] [MQTT-3.1.2-19] [MQTT-3.1.2-9] [MQTT-3.1.3-1] [MQTT-3.1.3-3] "
    "[MQTT-3.1.4-1] [3.1.1: MQTT-3.1.2-18] [3.1.1: MQTT-3.1.2-19] [3.1.1: MQTT-3.1.2-20] [3.1.1: MQTT-3.1.2-21] "
    "[3.1.1: MQTT-3.1.2-9] [3.1.1: MQTT-3.1.3-1] [3.1.1: MQTT-3.1.3-3] fields that the flags promise and the payload "
    "lacks, or the reverse, refuse the CONNECT") {
  struct Case {
    std::string what;
    std::string flags;
    std::string payload;  // after the Client Identifier
    std::string payload_v5;
  };
  const Case cases[] = {
      {"user name missing", "82"_hex, "", ""},
      {"user name without its flag", "02"_hex, "0001 'u'"_hex, "0001 'u'"_hex},
      {"password missing", "C2"_hex, "0001 'u'"_hex, "0001 'u'"_hex},
      {"password without its flag", "82"_hex, "0001 'u' 0001 'p'"_hex, "0001 'u' 0001 'p'"_hex},
      {"will missing", "06"_hex, "", ""},
      {"will payload missing", "06"_hex, "0001 'w'"_hex, "00 0001 'w'"_hex},
      {"will without its flag", "02"_hex, "0001 'w' 0001 'x'"_hex, "00 0001 'w' 0001 'x'"_hex},
      {"user name cut off", "82"_hex, "0005 'us'"_hex, "0005 'us'"_hex},
  };
  for (const Version version : kSince311) {
    for (const Case& each : cases) {
      CAPTURE(version);
      CAPTURE(each.what);
      const bool v5 = version == Version::v5;
      const std::string body = "0004 'MQTT'"_hex + u8(static_cast<unsigned>(version)) + each.flags + "003C"_hex +
                               (v5 ? "00"_hex : "") + prefixed(unique_name("fields")) +
                               (v5 ? each.payload_v5 : each.payload);
      expect_connect_refused(shared_broker(), version, packet(0x10, body), {0x81, 0x82});
    }
  }
}

TEST_CASE("[MQTT-3.1.4-1] [MQTT-3.1.3-3] [3.1.1: MQTT-3.1.4-1] a CONNECT cut short is refused") {
  for (const Version version : kSince311) {
    const std::string whole = encode(Connect{.version = version, .client_id = unique_name("short")});
    const std::string body = whole.substr(2);
    for (std::size_t size = 0; size < body.size(); ++size) {
      CAPTURE(version);
      CAPTURE(size);
      expect_connect_refused(shared_broker(), version, packet(0x10, body.substr(0, size)), {0x81, 0x82, 0x84});
    }
  }
}

TEST_CASE("[MQTT-3.1.2-18] a password without a user name is accepted in MQTT 5") {
  RawClient client(shared_broker().port());
  CHECK(try_connect(client, {.client_id = unique_name("secret"), .password = "p"}).code == 0);
}

TEST_CASE(
    "[MQTT-3.1.2-22] [MQTT-3.2.2-22] [3.1.1: MQTT-3.1.2-24] a client silent for one and a half times its Keep "
    "Alive is disconnected") {
  const auto start = std::chrono::steady_clock::now();
  std::vector<Client> clients;
  for (const Version version : kAllVersions) {
    clients.emplace_back(shared_broker(), Connect{.version = version, .keep_alive = 1});
  }
  for (Client& client : clients) {
    CAPTURE(client.version());
    client.expect_refusal(client.version(), 0x8D);
    const auto silent = std::chrono::steady_clock::now() - start;
    CHECK(silent >= std::chrono::milliseconds(1400));
    CHECK(silent < std::chrono::seconds(4));
  }
}

TEST_CASE(
    "[MQTT-3.1.2-22] [MQTT-3.2.2-22] [3.1.1: MQTT-3.1.2-24] any packet within the Keep Alive keeps the "
    "connection; a Keep Alive of 0 asks for none") {
  Client busy(shared_broker(), Connect{.keep_alive = 1});
  Client idle(shared_broker(), Connect{.keep_alive = 0});
  for (int i = 0; i < 5; ++i) {
    let_pass(std::chrono::milliseconds(500));
    busy.send(encode(Version::v5, Publish{.topic = "keep/alive"}));
  }
  busy.expect_nothing();
  idle.expect_nothing();
}

TEST_CASE("[MQTT-3.1.3-5] [3.1.1: MQTT-3.1.3-5] Client Identifiers of 1 to 23 letters and digits are allowed") {
  const std::string ids[] = {"Q", "0123456789abcdefghijklm", "nopqrstuvwxyzABCDEFGHIJ", "KLMNOPQRSTUVWXYZ"};
  for (const Version version : kAllVersions) {
    for (const std::string& id : ids)
      CHECK(Client(shared_broker(), Connect{.version = version, .client_id = id}).connack().code == 0);
  }
}

TEST_CASE("[MQTT-3.1.3-2] a Client Identifier is told apart by every byte") {
  const std::string id = unique_name("Case");
  Client upper(shared_broker(), Connect{.client_id = id});
  Client lower(shared_broker(), Connect{.client_id = "case" + id.substr(4)});
  Client space(shared_broker(), Connect{.client_id = id + " "});
  Client longer(shared_broker(), Connect{.client_id = id + std::string(300, 'x')});
  for (Client* client : {&upper, &lower, &space, &longer}) client->expect_nothing();
}

TEST_CASE("[MQTT-3.1.3-6] [MQTT-3.1.3-7] [MQTT-3.2.2-16] a client without an identifier is given one of its own") {
  RawClient first(shared_broker().port());
  RawClient second(shared_broker().port());
  const Connack one = try_connect(first, {});
  const Connack two = try_connect(second, {.clean_start = false, .properties = property(Prop::session_expiry, 60)});
  REQUIRE(one.code == 0);
  REQUIRE(two.code == 0);
  CHECK_FALSE(two.session_present);
  const std::string id_one = one.properties.text(Prop::assigned_client_identifier).value_or("");
  const std::string id_two = two.properties.text(Prop::assigned_client_identifier).value_or("");
  CHECK(id_one != "");
  CHECK(id_two != "");
  CHECK(id_one != id_two);
  second.drop();
  CHECK(Client(shared_broker(), persistent(Version::v5, id_two)).connack().session_present);
}

TEST_CASE(
    "[MQTT-3.1.3-8] [MQTT-3.2.2-7] [3.1.1: MQTT-3.1.3-9] [3.1.1: MQTT-3.2.2-5] [3.1.1: MQTT-3.2.2-4] where empty "
    "Client Identifiers are not allowed they are refused as such") {
  Broker broker("allow_zero_length_clientid false");
  RawClient v5(broker.port());
  const Connack connack = try_connect(v5, {});
  CHECK(connack.code == 0x85);
  CHECK_FALSE(connack.session_present);
  v5.expect_close();
  RawClient v3(broker.port());
  v3.send(encode(Connect{.version = Version::v3_1_1}));
  v3.expect("20 02 00 02"_hex);
  v3.expect_close();
}

TEST_CASE("[MQTT-3.1.4-5] [3.1.1: MQTT-3.1.4-4] a valid CONNECT is acknowledged, whatever follows at once") {
  for (const Version version : kAllVersions) {
    CAPTURE(version);
    RawClient client(shared_broker().port());
    client.send(encode(Connect{.version = version, .client_id = unique_name("eager")}) + "C0 00"_hex);
    CHECK(parse_connack(version, client.read_packet()).code == 0);
    client.expect("D0 00"_hex);
  }
}

TEST_CASE(
    "[MQTT-3.1.4-2] [MQTT-3.1.4-6] [MQTT-3.2.2-7] [MQTT-4.13.2-1] [3.1.1: MQTT-3.1.4-5] [3.1.1: MQTT-3.2.2-5] "
    "[3.1.1: MQTT-3.2.2-4] what follows a refused CONNECT is not processed") {
  Broker broker("allow_anonymous false");
  for (const Version version : kAllVersions) {
    CAPTURE(version);
    RawClient client(broker.port());
    client.send(encode(Connect{.version = version, .client_id = "stranger"}) +
                encode_subscribe(version, 1, {{"a", 0}}) + "C0 00"_hex);
    const Connack connack = parse_connack(version, client.read_packet());
    CHECK(connack.code == (version == Version::v5 ? 0x87 : 5));
    CHECK_FALSE(connack.session_present);
    client.expect_close();
  }
}

TEST_CASE("[MQTT-4.13.1-1] CONNECT properties with values that the standard forbids refuse it") {
  struct Case {
    std::string what;
    std::string properties;
    unsigned code;
  };
  const Case cases[] = {
      {"Receive Maximum 0", "21 0000"_hex, 0x82},
      {"Maximum Packet Size 0", "27 00000000"_hex, 0x82},
      {"Request Problem Information 2", "17 02"_hex, 0x82},
      {"Request Response Information 2", "19 02"_hex, 0x82},
      {"Session Expiry Interval twice", "11 00000001 11 00000001"_hex, 0x82},
      {"Receive Maximum twice", "21 0001 21 0001"_hex, 0x82},
      {"Maximum Packet Size twice", "27 00000100 27 00000100"_hex, 0x82},
      {"Topic Alias Maximum twice", "22 0001 22 0001"_hex, 0x82},
      {"Authentication Data alone", "16 0001 'x'"_hex, 0x82},
      {"a property of PUBLISH", "23 0001"_hex, 0x81},
      {"a property of the CONNACK", "24 01"_hex, 0x81},
      {"an unknown property", "7F 00"_hex, 0x81},
      {"a property cut off", "11 0000"_hex, 0x81},
  };
  for (const Case& each : cases) {
    CAPTURE(each.what);
    const Connect connect{.client_id = unique_name("props"), .properties = each.properties};
    expect_connect_refused(shared_broker(), Version::v5, encode(connect), {each.code});
  }
}

TEST_CASE("[MQTT-3.1.2-28] without Request Response Information no Response Information is sent") {
  for (const std::string& properties : {std::string{}, "19 00"_hex}) {
    CHECK_FALSE(Client(shared_broker(), Connect{.properties = properties})
                    .connack()
                    .properties.has(Prop::response_information));
  }
  Client asking(shared_broker(), Connect{.properties = "19 01"_hex});  // which may be answered or not
  asking.expect_nothing();
}

TEST_CASE("[MQTT-3.1.2-29] with Request Problem Information 0 acknowledgements carry no words") {
  Client client(shared_broker(), Connect{.properties = property(Prop::request_problem_information, 0)});
  client.send(encode_ack(PacketType::pubrel, 77));
  const Ack pubcomp = client.receive_ack(PacketType::pubcomp);
  CHECK(pubcomp.code == 0x92);
  CHECK(pubcomp.properties.empty());
  client.send(encode(Version::v5, Publish{.topic = "nobody/there", .qos = 1, .packet_id = 1}));
  CHECK(client.receive_ack(PacketType::puback).properties.empty());
  client.send(encode_subscribe(Version::v5, 1, {{"$share/g/problem", 0}}));
  CHECK(parse_suback(Version::v5, client.read_packet()).properties.empty());
  client.send(encode_unsubscribe(Version::v5, 1, {"never/subscribed"}));
  CHECK(parse_suback(Version::v5, client.read_packet()).properties.empty());
}

TEST_CASE("[MQTT-3.1.2-22] [3.1.1: MQTT-3.1.2-24] bytes that make no whole packet do not count for the Keep Alive") {
  Client client(shared_broker(), Connect{.keep_alive = 1});
  const auto start = std::chrono::steady_clock::now();
  client.send("30 20"_hex);
  for (int i = 0; i < 12; ++i) {
    let_pass(std::chrono::milliseconds(300));
    client.send("00"_hex);
  }
  client.expect_disconnect(0x8D);
  CHECK(std::chrono::steady_clock::now() - start < std::chrono::milliseconds(4500));  // not 1.5 s after the last byte
}

}  // namespace bramble::testing
