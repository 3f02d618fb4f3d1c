#include "core/mqtt/properties.h"

#include <vector>

#include "tests/core/mqtt/received.h"

namespace bramble::mqtt {

using namespace test;

namespace {

constexpr Place kPlaces[] = {in_connect,     in_will,     in_connack,           in_publish,           in_puback,
                             in_pubrec,      in_pubrel,   in_pubcomp,           in_subscribe,         in_suback,
                             in_unsubscribe, in_unsuback, in_client_disconnect, in_server_disconnect, in_auth};

/// The smallest right form of a property.
std::string encoded(const PropertyRow& row) {
  std::string bytes(1, static_cast<char>(row.id));
  const auto least = static_cast<char>(row.range.least);
  switch (row.type) {
    case PropertyType::byte: return bytes + least;
    case PropertyType::two_bytes: return bytes + '\0' + least;
    case PropertyType::four_bytes: return bytes + std::string(3, '\0') + least;
    case PropertyType::var_int: return bytes + least;
    case PropertyType::utf8: return bytes + hex("00 01 'x'");
    case PropertyType::binary: return bytes + hex("00 02 00 FF");
    case PropertyType::utf8_pair: return bytes + hex("00 01 'k' 00 01 'v'");
  }
  return bytes;
}

std::string with_length(const std::string& properties) {
  std::string bytes(1, static_cast<char>(properties.size()));
  return bytes + properties;
}

ReasonCode walk(const std::string& properties, Place place) {
  const std::string body = with_length(properties);
  ByteReader reader(body);
  return code_of(skip_properties(reader, place));
}

}  // namespace

TEST_CASE("the table has every property of the standard once, in the order of their identifiers") {
  CHECK(kProperties.size() == 27);
  for (std::size_t i = 1; i < kProperties.size(); ++i) CHECK(kProperties[i - 1].id < kProperties[i].id);
  for (const auto& row : kProperties) {
    CHECK(property_row(static_cast<std::uint32_t>(row.id)) == &row);
    CHECK((row.once_in & row.many_in) == 0);
  }
  CHECK(property_row(0) == nullptr);
  CHECK(property_row(0x04) == nullptr);
  CHECK(property_row(0x2B) == nullptr);
  CHECK(property_row(0xFFFF'FFFF) == nullptr);
}

TEST_CASE("each property is taken where its row says and malformed everywhere else") {
  for (const auto& row : kProperties) {
    for (const Place place : kPlaces) {
      CAPTURE(row.name);
      CAPTURE(place);
      const bool allowed = ((row.once_in | row.many_in) & place) != 0;
      CHECK(walk(encoded(row), place) == (allowed ? kFine : kMalformed));
    }
  }
}

TEST_CASE("a second one of what may be there once is a protocol error") {
  for (const auto& row : kProperties) {
    for (const Place place : kPlaces) {
      if (((row.once_in | row.many_in) & place) == 0) continue;
      CAPTURE(row.name);
      CHECK(walk(encoded(row) + encoded(row), place) == ((row.many_in & place) != 0 ? kFine : kProtocolError));
    }
  }
}

TEST_CASE("a value outside its row's range is a protocol error, its ends are not") {
  for (const auto& row : kProperties) {
    if (row.type > PropertyType::var_int) continue;
    const Place place = [&row] {
      for (const Place each : kPlaces) {
        if (((row.once_in | row.many_in) & each) != 0) return each;
      }
      return nowhere;
    }();
    CAPTURE(row.name);
    std::string low = encoded(row);
    CHECK(walk(low, place) == kFine);
    if (row.range.least > 0) {
      low.back() = 0;
      CHECK(walk(low, place) == kProtocolError);
    }
    if (row.range.most == 1) {
      std::string high = encoded(row);
      high.back() = 1;
      CHECK(walk(high, place) == kFine);
      high.back() = 2;
      CHECK(walk(high, place) == kProtocolError);
    }
  }
}

TEST_CASE("a property cut short anywhere is malformed") {
  for (const auto& row : kProperties) {
    for (const Place place : kPlaces) {
      if (((row.once_in | row.many_in) & place) == 0) continue;
      const std::string whole = encoded(row);
      for (std::size_t size = 1; size < whole.size(); ++size) CHECK(walk(whole.substr(0, size), place) == kMalformed);
    }
  }
}

TEST_CASE("an identifier that the standard does not know is malformed") {
  for (const auto* bytes : {"00 00", "04 00", "7F 00", "80 01 00", "FF FF FF 7F 00", "FF FF FF FF", "81 00 00"}) {
    CHECK(walk(hex(bytes), in_connect) == kMalformed);
  }
}

TEST_CASE("[MQTT-1.5.4-1] [MQTT-1.5.4-2] [MQTT-1.5.7-1] strings that are not UTF-8 are malformed") {
  CHECK(walk(hex("03 00 01 FF"), in_publish) == kMalformed);
  CHECK(walk(hex("03 00 01 00"), in_publish) == kMalformed);
  CHECK(walk(hex("26 00 01 FF 00 01 'v'"), in_publish) == kMalformed);
  CHECK(walk(hex("26 00 01 'k' 00 03 ED A0 80"), in_publish) == kMalformed);
  CHECK(walk(hex("03 00 03 EF BB BF"), in_publish) == kFine);  // [MQTT-1.5.4-3]
}

TEST_CASE("[MQTT-2.2.2-1] a Property Length that is missing, not minimal or past the packet is malformed") {
  for (const auto* bytes : {"", "80", "80 00", "01", "05 01 00", "FF FF FF FF 7F"}) {
    const std::string body = hex(bytes);
    ByteReader reader(body);
    CHECK(code_of(skip_properties(reader, in_publish)) == kMalformed);
  }
}

TEST_CASE("what is read is what was written, with its encoded bytes") {
  std::string out;
  PropertyWriter writer(out, in_publish);
  writer.number(PropertyId::payload_format_indicator, 1);
  writer.number(PropertyId::message_expiry_interval, 0xFEDC'BA98);
  writer.number(PropertyId::topic_alias, 0xFFFF);
  writer.number(PropertyId::subscription_identifier, kVarIntMax);
  writer.text(PropertyId::correlation_data, std::string_view("\0\xFF", 2));
  writer.pair(PropertyId::user_property, "name", "value");
  writer.finish();

  ByteReader body(out);
  PropertyReader reader(body, in_publish);
  std::vector<Property> read;
  std::string again;
  for (Property property; reader.next(property);) {
    read.push_back(property);
    again += property.encoded;
  }
  CHECK_FALSE(reader.failed());
  CHECK(body.empty());
  REQUIRE(read.size() == 6);
  CHECK(read[0].number == 1);
  CHECK(read[1].number == 0xFEDC'BA98);
  CHECK(read[2].number == 0xFFFF);
  CHECK(read[3].number == kVarIntMax);
  CHECK(read[4].text == std::string_view("\0\xFF", 2));
  CHECK(read[5].text == "name");
  CHECK(read[5].value == "value");
  CHECK(with_length(again) == out);
}

TEST_CASE("a Property Length of more than 127 bytes is inserted whole") {
  std::string out = "before";
  PropertyWriter writer(out, in_publish);
  writer.pair(PropertyId::user_property, "n", std::string(200, 'v'));
  writer.finish();
  CHECK(out.substr(0, 9) == "before" + hex("CE 01 26"));
  CHECK(out.size() == 6 + 2 + 206);
}

}  // namespace bramble::mqtt
