#include "core/base/bytes.h"

#include <doctest/doctest.h>
#include <string>

#include "tests/core/mqtt/received.h"

namespace bramble {

using mqtt::test::hex;

TEST_CASE("a ByteReader gives fields in network order and points into its bytes") {
  const std::string bytes = hex("01 0203 04050607 0002 'ab' 'rest'");
  ByteReader reader(bytes);
  CHECK(reader.u8() == 1);
  CHECK(reader.u16() == 0x0203);
  CHECK(reader.u32() == 0x0405'0607);
  const auto text = reader.prefixed();
  CHECK(text == "ab");
  CHECK(text.data() == bytes.data() + 9);
  CHECK(reader.left() == 4);
  CHECK(reader.rest() == "rest");
  CHECK(reader.empty());
  CHECK_FALSE(reader.failed());
}

TEST_CASE("a ByteReader that could not give a field stays failed and gives nothing more") {
  for (const auto* bytes : {"", "01", "00 05 'abc'"}) {
    const std::string content = hex(bytes);
    ByteReader reader(content);
    CHECK(reader.prefixed().empty());
    CHECK(reader.failed());
    CHECK(reader.empty());
    CHECK(reader.u8() == 0);
    CHECK(reader.u32() == 0);
    CHECK(reader.rest().empty());
    CHECK(reader.failed());
  }
}

TEST_CASE("[MQTT-1.5.5-1] a Variable Byte Integer has at most four bytes and no more than it needs") {
  for (const auto& [bytes, value] : {std::pair{"00", 0u},
                                     {"7F", 127u},
                                     {"80 01", 128u},
                                     {"FF 7F", 16'383u},
                                     {"80 80 01", 16'384u},
                                     {"FF FF 7F", 2'097'151u},
                                     {"80 80 80 01", 2'097'152u},
                                     {"FF FF FF 7F", kVarIntMax}}) {
    const std::string content = hex(bytes);
    ByteReader reader(content);
    CHECK(reader.var_int() == value);
    CHECK_FALSE(reader.failed());
    CHECK(reader.empty());
    CHECK(var_int_size(value) == content.size());
    char written[4];
    ByteWriter writer(written);
    writer.var_int(value);
    CHECK(std::string_view(written, static_cast<std::size_t>(writer.position() - written)) == content);
  }
  for (const auto* bytes : {"", "80", "FF FF FF", "80 00", "81 80 00", "FF FF FF FF", "80 80 80 80 01"}) {
    const std::string content = hex(bytes);
    ByteReader reader(content);
    reader.var_int();
    CHECK(reader.failed());
  }
}

TEST_CASE("a ByteWriter writes what a ByteReader reads") {
  char bytes[32];
  ByteWriter writer(bytes);
  writer.u8(0xFE);
  writer.u16(0xFEDC);
  writer.u32(0xFEDC'BA98);
  writer.prefixed("text");
  writer.bytes("");
  writer.bytes("more");
  const std::string_view written(bytes, static_cast<std::size_t>(writer.position() - bytes));
  CHECK(written == hex("FE FEDC FEDCBA98 0004 'text' 'more'"));
}

}  // namespace bramble
