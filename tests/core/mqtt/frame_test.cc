#include "core/mqtt/frame.h"

#include "tests/core/mqtt/received.h"

namespace bramble::mqtt {

using test::code_of;
using test::hex;

TEST_CASE("next_frame finds the packet at the start of the buffer and leaves the next one alone") {
  const std::string bytes = hex("C0 00 E0 00");
  const auto frame = next_frame(bytes, 0);
  REQUIRE(frame);
  CHECK(frame->type == PacketType::pingreq);
  CHECK(frame->flags == 0);
  CHECK(frame->body.empty());
  CHECK(frame->size == 2);
}

TEST_CASE("next_frame gives the flags and the body of a PUBLISH") {
  const std::string bytes = hex("3B 05 00 01 'a' 00 07");
  const auto frame = next_frame(bytes, 0);
  REQUIRE(frame);
  CHECK(frame->type == PacketType::publish);
  CHECK(frame->flags == 0x0B);
  CHECK(frame->body == hex("00 01 'a' 00 07"));
}

TEST_CASE("next_frame waits for more while the buffer ends inside the packet, and says how much once it knows") {
  const std::string packet = hex("30 81 01") + std::string(129, 'x');
  for (std::size_t size = 0; size < packet.size(); ++size) {
    const auto frame = next_frame(std::string_view(packet).substr(0, size), 0);
    REQUIRE(frame);
    CHECK(frame->size == 0);
    CHECK(frame->size_needed == (size < 3 ? 0 : packet.size()));
  }
  CHECK(next_frame(packet, 0)->size == packet.size());
}

TEST_CASE("next_frame reads every length of Remaining Length at its edges") {
  for (const auto& [header, length] : {std::pair{"30 00", 0u},
                                       {"30 7F", 127u},
                                       {"30 80 01", 128u},
                                       {"30 FF 7F", 16'383u},
                                       {"30 80 80 01", 16'384u},
                                       {"30 FF FF 7F", 2'097'151u},
                                       {"30 80 80 80 01", 2'097'152u},
                                       {"30 FF FF FF 7F", 268'435'455u}}) {
    const std::string bytes = hex(header);
    const auto frame = next_frame(bytes, 0);
    REQUIRE(frame);
    CHECK((frame->size == 0 ? frame->size_needed : frame->size) == bytes.size() + length);
  }
}

TEST_CASE("[MQTT-1.5.5-1] a Remaining Length in more bytes than needed is malformed") {
  for (const auto* bytes : {"30 80 00", "30 81 00", "30 FF 80 00", "30 80 80 80 00"}) {
    CHECK(code_of(next_frame(hex(bytes), 0)) == ReasonCode::malformed_packet);
  }
}

TEST_CASE("a Remaining Length of more than four bytes is malformed as soon as the fourth says so") {
  CHECK(code_of(next_frame(hex("30 FF FF FF 80"), 0)) == ReasonCode::malformed_packet);
  CHECK(code_of(next_frame(hex("30 80 80 80 80 01"), 0)) == ReasonCode::malformed_packet);
}

TEST_CASE("[MQTT-2.1.3-1] flags other than the standard's are malformed in every packet but PUBLISH") {
  for (unsigned type = 0; type < 16; ++type) {
    for (unsigned flags = 0; flags < 16; ++flags) {
      const char bytes[] = {static_cast<char>(type << 4 | flags), 0};
      const bool two = type == 6 || type == 8 || type == 10;  // PUBREL, SUBSCRIBE, UNSUBSCRIBE
      const bool right = type != 0 && (type == 3 || flags == (two ? 2u : 0u));
      CAPTURE(type);
      CAPTURE(flags);
      CHECK(next_frame({bytes, 2}, 0).has_value() == right);
      CHECK(next_frame({bytes, 1}, 0).has_value() == right);  // known from the first byte on
      CHECK(next_frame({bytes, 2}, 0, Version::v3_1).has_value() == (right || (two && flags == 10)));
    }
  }
}

TEST_CASE("a packet larger than the limit is refused as soon as its length is known") {
  CHECK(code_of(next_frame(hex("30 64"), 101)) == ReasonCode::packet_too_large);
  CHECK(next_frame(hex("30 64"), 102)->size_needed == 102);
  CHECK(next_frame(hex("30 FF FF FF 7F"), 0)->size_needed == 268'435'460);
}

}  // namespace bramble::mqtt
