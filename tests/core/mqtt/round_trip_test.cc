#include <deque>
#include <random>
#include <string>

#include "core/mqtt/decode.h"
#include "core/mqtt/encode.h"
#include "core/mqtt/properties.h"
#include "tests/core/mqtt/received.h"

namespace bramble::mqtt {

namespace {

constexpr unsigned kSeed = 20261122;

/// Makes packets at random and keeps the texts they point to.
class RandomPackets {
 public:
  explicit RandomPackets(unsigned seed) : random_(seed) {}

  std::uint32_t number(std::uint32_t below) { return static_cast<std::uint32_t>(random_()) % below; }
  bool maybe() { return number(2) == 0; }
  PacketId packet_id() { return static_cast<PacketId>(1 + number(65'535)); }
  Version version() { return test::kVersions[number(3)]; }
  Qos qos() { return static_cast<Qos>(number(3)); }

  std::string_view text(std::size_t least, std::size_t most) {
    static constexpr std::string_view characters[] = {
        "a", "b", "/", " ", "\x01", "\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\x90\xB1"};
    std::string made;
    const std::size_t size = least + number(static_cast<std::uint32_t>(most - least + 1));
    while (made.size() < size) made += characters[number(std::size(characters))];
    return keep(std::move(made));
  }
  std::string_view bytes(std::size_t most) {
    std::string made(number(static_cast<std::uint32_t>(most + 1)), '\0');
    for (char& byte : made) byte = static_cast<char>(number(256));
    return keep(std::move(made));
  }

  ForwardedProperties forwarded(Place place) {
    std::string made;
    PropertyWriter writer(made, place);
    if (maybe()) writer.number(PropertyId::payload_format_indicator, number(2));
    if (maybe()) writer.text(PropertyId::content_type, text(0, 10));
    if (maybe()) writer.text(PropertyId::response_topic, text(1, 10));
    if (maybe()) writer.text(PropertyId::correlation_data, bytes(10));
    for (std::uint32_t i = number(4); i > 0; --i) writer.pair(PropertyId::user_property, text(0, 60), text(0, 60));
    ForwardedProperties properties;  // without their Property Length: finish() would insert it
    properties.pieces[0] = keep(std::move(made));
    return properties;
  }

  Connect connect() {
    Connect packet;
    packet.version = version();
    const bool is_v5 = packet.version == Version::v5;
    packet.bridge = !is_v5 && maybe();
    packet.clean_start = maybe();
    packet.keep_alive = static_cast<std::uint16_t>(number(65'536));
    packet.client_id = text(0, 40);
    if (maybe()) packet.user_name = text(0, 20);
    if (maybe() && (is_v5 || packet.user_name)) packet.password = bytes(20);
    if (maybe()) {
      WillFields& will = packet.will.emplace();
      will.topic = text(1, 30);
      will.payload = bytes(200);
      will.qos = qos();
      will.retain = maybe();
      if (is_v5) {
        if (maybe()) will.delay_seconds = number(0xFFFF'FFFF);
        if (maybe()) will.message_expiry = number(0xFFFF'FFFF);
        will.properties = forwarded(in_will);
      }
    }
    if (!is_v5) {
      packet.session_expiry = packet.clean_start ? 0 : kSessionNeverExpires;
      return packet;
    }
    if (maybe()) packet.session_expiry = number(0xFFFF'FFFF);
    if (maybe()) packet.receive_maximum = static_cast<std::uint16_t>(1 + number(65'535));
    if (maybe()) packet.maximum_packet_size = 1 + number(0xFFFF'FFFE);
    if (maybe()) packet.topic_alias_maximum = static_cast<std::uint16_t>(number(65'536));
    packet.request_response_information = maybe();
    if (maybe()) packet.request_problem_information = maybe();
    if (maybe()) {
      packet.authentication_method = text(0, 10);
      if (maybe()) packet.authentication_data = bytes(10);
    }
    return packet;
  }

 private:
  std::string_view keep(std::string made) { return texts_.emplace_back(std::move(made)); }

  std::mt19937_64 random_;
  std::deque<std::string> texts_;
};

Frame whole(const std::string& bytes) {
  const auto frame = next_frame(bytes, 0);
  REQUIRE(frame);
  REQUIRE(frame->size == bytes.size());
  return *frame;
}

std::string joined(const ForwardedProperties& properties) {
  std::string all;
  for (const auto piece : properties.pieces) all += piece;
  return all;
}

void check_same(const WillFields& one, const WillFields& other) {
  CHECK(one.topic == other.topic);
  CHECK(one.payload == other.payload);
  CHECK(one.qos == other.qos);
  CHECK(one.retain == other.retain);
  CHECK(one.delay_seconds == other.delay_seconds);
  CHECK(one.message_expiry == other.message_expiry);
  CHECK(joined(one.properties) == joined(other.properties));
}

}  // namespace

TEST_CASE("any CONNECT is decoded as it was encoded") {
  RandomPackets random(kSeed);
  for (int round = 0; round < 3000; ++round) {
    const Connect sent = random.connect();
    std::string bytes;
    append_connect(bytes, sent);
    const auto read = decode_connect(whole(bytes));
    REQUIRE(read);
    CHECK(read->version == sent.version);
    CHECK(read->bridge == sent.bridge);
    CHECK(read->clean_start == sent.clean_start);
    CHECK(read->keep_alive == sent.keep_alive);
    CHECK(read->client_id == sent.client_id);
    CHECK(read->user_name == sent.user_name);
    CHECK(read->password == sent.password);
    CHECK(read->session_expiry == sent.session_expiry);
    CHECK(read->receive_maximum == sent.receive_maximum);
    CHECK(read->maximum_packet_size == sent.maximum_packet_size);
    CHECK(read->topic_alias_maximum == sent.topic_alias_maximum);
    CHECK(read->request_response_information == sent.request_response_information);
    CHECK(read->request_problem_information == sent.request_problem_information);
    CHECK(read->authentication_method == sent.authentication_method);
    CHECK(read->authentication_data == sent.authentication_data);
    REQUIRE(read->will.has_value() == sent.will.has_value());
    if (sent.will) check_same(*read->will, *sent.will);
  }
}

TEST_CASE("any PUBLISH is decoded as it was encoded") {
  RandomPackets random(kSeed);
  for (int round = 0; round < 3000; ++round) {
    const Version version = random.version();
    const bool is_v5 = version == Version::v5;
    PublishContent content{random.text(1, 40), {}, random.bytes(300)};
    if (is_v5) content.properties = random.forwarded(in_publish);
    PublishHeader header;
    header.qos = random.qos();
    header.retain = random.maybe();
    if (header.qos != Qos::at_most_once) {
      header.dup = random.maybe();
      header.packet_id = random.packet_id();
    }
    if (is_v5 && random.maybe()) header.message_expiry = random.number(0xFFFF'FFFF);
    if (is_v5 && random.maybe()) {
      header.topic_alias = random.packet_id();
      header.topic_omitted = random.maybe();
    }
    std::string bytes;
    append_publish(bytes, version, header, content);
    REQUIRE(bytes.size() == publish_size(version, header, content));
    const auto read = decode_publish(whole(bytes), version);
    REQUIRE(read);
    CHECK(read->topic == (header.topic_omitted ? std::string_view{} : content.topic));
    CHECK(read->payload == content.payload);
    CHECK(read->qos == header.qos);
    CHECK(read->retain == header.retain);
    CHECK(read->dup == header.dup);
    CHECK(read->packet_id == header.packet_id);
    CHECK(read->topic_alias.value_or(0) == header.topic_alias);
    CHECK(read->message_expiry == header.message_expiry);
    CHECK(joined(read->properties) == joined(content.properties));
  }
}

TEST_CASE("any SUBSCRIBE, UNSUBSCRIBE and their acknowledgements are decoded as they were encoded") {
  RandomPackets random(kSeed);
  for (int round = 0; round < 2000; ++round) {
    const Version version = random.version();
    Subscribe subscribe{.packet_id = random.packet_id(), .subscription_identifier = 0, .entries = {}};
    Unsubscribe unsubscribe{.packet_id = random.packet_id(), .filters = {}};
    if (version == Version::v5) subscribe.subscription_identifier = random.number(kVarIntMax);
    for (std::uint32_t i = 1 + random.number(5); i > 0; --i) {
      SubscribeEntry entry{random.text(0, 30), {.qos = random.qos()}};
      if (version == Version::v5) {
        entry.options.no_local = random.maybe();
        entry.options.retain_as_published = random.maybe();
        entry.options.retain_handling = static_cast<RetainHandling>(random.number(3));
      }
      subscribe.entries.push_back(entry);
      unsubscribe.filters.push_back(random.text(0, 30));
    }
    std::string bytes;
    append_subscribe(bytes, version, subscribe);
    const auto read = decode_subscribe(whole(bytes), version);
    REQUIRE(read);
    CHECK(read->packet_id == subscribe.packet_id);
    CHECK(read->subscription_identifier == subscribe.subscription_identifier);
    REQUIRE(read->entries.size() == subscribe.entries.size());
    for (std::size_t i = 0; i < read->entries.size(); ++i) {
      CHECK(read->entries[i].filter == subscribe.entries[i].filter);
      CHECK(read->entries[i].options == subscribe.entries[i].options);
    }
    bytes.clear();
    append_unsubscribe(bytes, version, unsubscribe);
    const auto removed = decode_unsubscribe(whole(bytes), version);
    REQUIRE(removed);
    CHECK(removed->packet_id == unsubscribe.packet_id);
    CHECK(removed->filters == unsubscribe.filters);

    const std::vector<ReasonCode> codes(subscribe.entries.size(), ReasonCode::granted_qos_2);
    bytes.clear();
    append_suback(bytes, version, subscribe.packet_id, codes);
    const auto acknowledged = decode_suback(whole(bytes), version);
    REQUIRE(acknowledged);
    CHECK(acknowledged->packet_id == subscribe.packet_id);
    CHECK(acknowledged->codes == std::string(codes.size(), '\x02'));
  }
}

TEST_CASE("any acknowledgement, DISCONNECT and AUTH is decoded as it was encoded") {
  RandomPackets random(kSeed);
  for (int round = 0; round < 5000; ++round) {
    const auto code = static_cast<ReasonCode>(random.number(256));
    const auto reason = random.maybe() ? random.text(0, 30) : std::string_view{};
    const PacketId id = random.packet_id();
    std::string bytes;
    for (const auto& [type, place] : {std::pair{PacketType::puback, in_puback},
                                      {PacketType::pubrec, in_pubrec},
                                      {PacketType::pubrel, in_pubrel},
                                      {PacketType::pubcomp, in_pubcomp}}) {
      if (!allowed_in(code, place)) continue;
      bytes.clear();
      append_ack(bytes, Version::v5, type, id, code, reason);
      const auto read = decode_ack(whole(bytes), Version::v5);
      REQUIRE(read);
      CHECK(read->packet_id == id);
      CHECK(read->code == code);
    }
    for (const auto& [sender, place] :
         {std::pair{Sender::client, in_client_disconnect}, {Sender::server, in_server_disconnect}}) {
      if (!allowed_in(code, place)) continue;
      bytes.clear();
      append_disconnect(bytes, Version::v5, code, reason);
      const auto read = decode_disconnect(whole(bytes), Version::v5, sender);
      REQUIRE(read);
      CHECK(read->code == code);
    }
    if (allowed_in(code, in_auth)) {
      bytes.clear();
      append_auth(bytes, code, reason);
      const auto read = decode_auth(whole(bytes), Version::v5);
      REQUIRE(read);
      CHECK(read->code == code);
      CHECK(read->authentication_method == reason);
    }
  }
}

TEST_CASE("any CONNACK is decoded as it was encoded") {
  RandomPackets random(kSeed);
  for (int round = 0; round < 3000; ++round) {
    Connack sent;
    sent.session_present = random.maybe();
    if (random.maybe()) sent.session_expiry = random.number(0xFFFF'FFFF);
    if (random.maybe()) sent.receive_maximum = random.packet_id();
    if (random.maybe()) sent.maximum_qos = static_cast<Qos>(random.number(2));
    if (random.maybe()) sent.retain_available = random.maybe();
    if (random.maybe()) sent.maximum_packet_size = 1 + random.number(0xFFFF'FFFE);
    if (random.maybe()) sent.assigned_client_identifier = random.text(1, 30);
    if (random.maybe()) sent.topic_alias_maximum = random.packet_id();
    if (random.maybe()) sent.reason_string = random.text(0, 30);
    if (random.maybe()) sent.server_keep_alive = random.packet_id();
    if (random.maybe()) sent.response_information = random.text(0, 30);
    std::string bytes;
    append_connack(bytes, Version::v5, sent);
    const auto read = decode_connack(whole(bytes), Version::v5);
    REQUIRE(read);
    CHECK(read->session_present == sent.session_present);
    CHECK(read->session_expiry == sent.session_expiry);
    CHECK(read->receive_maximum == sent.receive_maximum);
    CHECK(read->maximum_qos == sent.maximum_qos);
    CHECK(read->retain_available == sent.retain_available);
    CHECK(read->maximum_packet_size == sent.maximum_packet_size);
    CHECK(read->assigned_client_identifier == sent.assigned_client_identifier);
    CHECK(read->topic_alias_maximum == sent.topic_alias_maximum);
    CHECK(read->reason_string == sent.reason_string);
    CHECK(read->server_keep_alive == sent.server_keep_alive);
    CHECK(read->response_information == sent.response_information);
  }
}

}  // namespace bramble::mqtt
