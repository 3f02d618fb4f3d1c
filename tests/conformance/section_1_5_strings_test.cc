#include <doctest/doctest.h>

#include "tests/support/client.h"

// Section 1.5: data representation.
namespace bramble::testing {
namespace {

struct Sequence {
  std::string what;
  std::string bytes;
};

const Sequence kIllFormed[] = {
    {"a surrogate, U+D800", "ED A0 80"_hex},
    {"a surrogate, U+DFFF", "ED BF BF"_hex},
    {"an overlong '/'", "C0 AF"_hex},
    {"an overlong '/' of three bytes", "E0 80 AF"_hex},
    {"beyond U+10FFFF", "F4 90 80 80"_hex},
    {"a lead byte that does not exist", "F8 88 80 80 80"_hex},
    {"a continuation byte on its own", "80"_hex},
    {"a sequence cut off by the end", "E2 82"_hex},
    {"a sequence cut off inside", "C3 'x'"_hex},
};

const Sequence kNull[] = {{"U+0000", "00"_hex}};

std::string connect_with(Version version, const std::string& client_id, const std::string& will_topic,
                         const std::string& user_name) {
  return encode(Connect{.version = version,
                        .client_id = client_id,
                        .will = Will{.topic = will_topic, .payload = "gone"},
                        .user_name = user_name});
}

/// Each place of a packet that holds a UTF-8 Encoded String refuses `bad`.
void expect_refused_everywhere(Version version, const std::string& bad) {
  const std::string text = "a" + bad;
  const Broker& broker = shared_broker();
  expect_connect_refused(broker, version, connect_with(version, text, "will", "user"), {0x81, 0x85});
  expect_connect_refused(broker, version, connect_with(version, unique_name("utf"), text, "user"), {0x81, 0x90});
  expect_connect_refused(broker, version, connect_with(version, unique_name("utf"), "will", text), {0x81, 0x86});

  Client publisher(broker, version);
  publisher.send(encode(version, Publish{.topic = text}));
  publisher.expect_refusal(version, {0x81, 0x90});
  Client subscriber(broker, version);
  subscriber.send(encode_subscribe(version, 1, {{text, 0}}));
  subscriber.expect_refusal(version, {0x81, 0x8F});
  Client leaver(broker, version);
  leaver.send(encode_unsubscribe(version, 1, {text}));
  leaver.expect_refusal(version, {0x81, 0x8F});
}

void expect_property_refused(const std::string& properties) {
  Client client(shared_broker());
  client.send(encode(Version::v5, Publish{.topic = "strings", .properties = properties}));
  client.expect_disconnect({0x81, 0x82, 0x90});
}

}  // namespace

TEST_CASE(
    "[MQTT-1.5.4-1] [MQTT-3.1.3-4] [MQTT-3.1.3-11] [MQTT-3.1.3-12] [MQTT-3.3.2-1] [MQTT-3.8.3-1] [MQTT-3.10.3-1] "
    "[3.1.1: MQTT-1.5.3-1] [3.1.1: MQTT-3.1.3-4] [3.1.1: MQTT-3.1.3-10] [3.1.1: MQTT-3.1.3-11] "
    "[3.1.1: MQTT-3.3.2-1] [3.1.1: MQTT-3.8.3-1] [3.1.1: MQTT-3.10.3-1] "
    "ill-formed UTF-8 closes the connection, wherever a string stands") {
  for (const Version version : kSince311) {
    for (const Sequence& sequence : kIllFormed) {
      CAPTURE(version);
      CAPTURE(sequence.what);
      expect_refused_everywhere(version, sequence.bytes);
    }
  }
}

TEST_CASE(
    "[MQTT-1.5.4-2] [MQTT-4.7.3-2] [3.1.1: MQTT-1.5.3-2] [3.1.1: MQTT-4.7.3-2] the null character closes the "
    "connection, wherever a string stands") {
  for (const Version version : kSince311) {
    CAPTURE(version);
    expect_refused_everywhere(version, kNull[0].bytes);
  }
}

TEST_CASE(
    "[MQTT-1.5.4-1] [MQTT-1.5.7-1] [MQTT-3.3.2-13] [MQTT-3.3.2-19] ill-formed UTF-8 in a property closes the "
    "connection") {
  for (const Sequence& sequence : kIllFormed) {
    CAPTURE(sequence.what);
    expect_property_refused(property(Prop::user, sequence.bytes, "value"));
    expect_property_refused(property(Prop::user, "name", sequence.bytes));
    expect_property_refused(property(Prop::content_type, sequence.bytes));
    expect_property_refused(property(Prop::response_topic, sequence.bytes));
  }
  expect_property_refused(property(Prop::user, kNull[0].bytes, "value"));
  expect_property_refused(property(Prop::user, "name", kNull[0].bytes));
}

TEST_CASE("[MQTT-1.5.4-3] [3.1.1: MQTT-1.5.3-3] U+FEFF is kept as any other character") {
  for (const Version version : kSince311) {
    CAPTURE(version);
    const std::string plain = unique_name("bom/");
    const std::string marked = "EF BB BF"_hex + plain;
    Client client(shared_broker(), version);
    client.subscribe(marked);
    client.publish({.topic = plain, .payload = "without"});
    client.publish({.topic = marked, .payload = "with"});
    const Message message = client.receive();
    CHECK(message.topic == marked);
    CHECK(message.payload == "with");
    client.expect_nothing();
  }
}

TEST_CASE("[MQTT-1.5.4-1] [MQTT-4.7.3-4] well-formed text of every length of sequence goes through unchanged") {
  const std::string topic = unique_name("text/") + "'/' C3 A9 E2 82 AC EF BF BD F0 9F 8C BF F4 8F BF BD"_hex;
  for (const Version version : kSince311) {
    Client client(shared_broker(), version);
    client.subscribe(topic);
    client.publish({.topic = topic, .payload = "here"});
    CHECK(client.receive().topic == topic);
  }
}

TEST_CASE("[MQTT-1.5.5-1] a Variable Byte Integer of more bytes than it needs is malformed") {
  Client remaining_length(shared_broker());
  remaining_length.send("C0 80 00"_hex);
  remaining_length.expect_disconnect(0x81);
  Client property_length(shared_broker());
  property_length.send("30 06 0001 'a' 8000 'x'"_hex);
  property_length.expect_disconnect(0x81);
  Client subscription_identifier(shared_broker());
  subscription_identifier.send("82 0A 0001 03 0B 8100 0001 'a' 00"_hex);
  subscription_identifier.expect_disconnect(0x81);
}

TEST_CASE("[MQTT-1.5.5-1] a Variable Byte Integer of five bytes is malformed in every version") {
  for (const Version version : kAllVersions) {
    CAPTURE(version);
    Client remaining_length(shared_broker(), version);
    remaining_length.send("30 FFFFFFFF 01"_hex);
    remaining_length.expect_refusal(version, 0x81);
  }
  Client property_length(shared_broker());
  property_length.send("30 0A 0001 'a' 8080808001 'x' 00"_hex);
  property_length.expect_disconnect(0x81);
}

TEST_CASE("[MQTT-1.5.5-1] lengths are sent in as few bytes as they need, at every step of their size") {
  Client client(shared_broker());
  const std::string topic = unique_name("length");
  client.subscribe(topic);
  const auto head = static_cast<std::uint32_t>(2 + topic.size() + 1);
  for (const std::uint32_t length : {127u, 128u, 16'383u, 16'384u}) {
    const std::string payload(length - head, 'x');
    client.send(encode(Version::v5, Publish{.topic = topic, .payload = payload}));
    client.expect("30"_hex + var_int(length) + prefixed(topic) + "00"_hex + payload);
  }
}

}  // namespace bramble::testing
