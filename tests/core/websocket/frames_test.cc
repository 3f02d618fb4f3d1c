#include "core/websocket/frames.h"

#include <cstring>

#include "core/websocket/client_frames.h"
#include "tests/core/mqtt/received.h"
#include "tests/core/websocket/plain_frames.h"

namespace bramble {

namespace {

using mqtt::test::hex;
using test::Outcome;
using test::taken_whole;
using Status = WebSocketInput::Status;

constexpr const char* kKey = " 00 00 00 00 ";  // a mask that changes nothing, for frames that can be read

Outcome whole(const std::string& literal) { return taken_whole(hex(literal)); }

void check_open(const Outcome& outcome, std::string_view payload, const std::string& replies = "") {
  CHECK(outcome.status == Status::open);
  CHECK(outcome.payload == payload);
  CHECK(outcome.replies == hex(replies));
}
void check_failed(const Outcome& outcome, unsigned code) {
  CHECK(outcome.status == Status::failed);
  CHECK(static_cast<unsigned>(outcome.code) == code);
  const std::string close{'\x88', 2, static_cast<char>(code >> 8), static_cast<char>(code & 255)};
  CHECK(outcome.replies.ends_with(close));
}
std::string with_code(unsigned code, const std::string& reason = "") {
  const std::string payload{static_cast<char>(code >> 8), static_cast<char>(code & 255)};
  std::string frame;
  append_client_frame(frame, payload + reason, 0x1234'5678, Opcode::close);
  return frame;
}

}  // namespace

TEST_CASE("RFC 6455 5.7: the masked Hello of the standard, as binary, is unmasked") {
  check_open(whole("82 85 37 FA 21 3D 7F 9F 4D 51 58"), "Hello");
}

TEST_CASE("[MQTT-6.0.0-2] packets may span frames, and frames hold several packets") {
  check_open(whole(std::string("82 82") + kKey + "C0 00" + "82 83" + kKey + "C0 00 C0" + "82 81" + kKey + "00"),
             hex("C0 00 C0 00 C0 00"));
}

TEST_CASE("RFC 6455 5.2: payloads of 0, 1, 125, 126, 127, 65535 and 65536 bytes, by each of the three lengths") {
  for (const std::size_t size : {0u, 1u, 2u, 125u, 126u, 127u, 128u, 65'534u, 65'535u, 65'536u, 70'000u}) {
    const std::string payload = std::string(size, 'x');
    std::string frame = size < 126        ? hex("82") + static_cast<char>(0x80 | size)
                        : size < 0x1'0000 ? hex("82 FE") + static_cast<char>(size >> 8) + static_cast<char>(size & 255)
                                          : hex("82 FF 00 00 00 00 00 01") + static_cast<char>(size >> 8 & 255) +
                                                static_cast<char>(size & 255);
    frame += hex(kKey) + payload;
    CAPTURE(size);
    check_open(taken_whole(frame + frame), payload + payload);
  }
}

TEST_CASE("RFC 6455 5.2: a length in more bytes than it needs is taken") {
  check_open(whole(std::string("82 FE 00 01") + kKey + "'x'"), "x");
  check_open(whole(std::string("82 FF 00 00 00 00 00 00 00 01") + kKey + "'x'"), "x");
}

TEST_CASE("RFC 6455 5.2: a length whose top bit is set is refused at its first byte, the largest other is not") {
  check_failed(whole("82 FF 80"), 1002);
  check_failed(whole(std::string("82 FF FF FF FF FF FF FF FF FF") + kKey), 1002);
  check_open(whole(std::string("82 FF 7F FF FF FF FF FF FF FF") + kKey + "'abc'"), "abc");
}

TEST_CASE("RFC 6455 5.1: a client's frame that is not masked fails the connection") {
  check_failed(whole("82 05 'Hello'"), 1002);
  check_failed(whole("82 00"), 1002);
  check_failed(whole("89 00"), 1002);
  check_failed(whole("88 02 03 E8"), 1002);
}

TEST_CASE("RFC 6455 5.1: of a server's frames those with a mask fail, and replies to it are masked") {
  const auto peer = WebSocketInput::Peer::server;
  const Outcome fine = taken_whole(hex("82 05 'Hello' 89 01 'p' 02 01 '!' 80 00"), peer);
  check_open(fine, "Hello!", "8A 81 00 00 00 00 'p'");
  const Outcome masked = taken_whole(hex("82 85 37 FA 21 3D 7F 9F 4D 51 58"), peer);
  CHECK(masked.status == Status::failed);
  CHECK(masked.replies == hex("88 82 00 00 00 00 03 EA"));
}

TEST_CASE("RFC 6455 5.2: any reserved bit fails the connection, whatever the opcode, at the first byte") {
  for (unsigned bits = 1; bits < 8; ++bits) {
    for (unsigned opcode = 0; opcode < 16; ++opcode) {
      CAPTURE(bits);
      CAPTURE(opcode);
      check_failed(taken_whole(std::string(1, static_cast<char>(0x80 | bits << 4 | opcode))), 1002);
    }
  }
}

TEST_CASE("RFC 6455 5.2: opcodes that do not exist fail the connection, with FIN and without") {
  for (const unsigned opcode : {3u, 4u, 5u, 6u, 7u, 11u, 12u, 13u, 14u, 15u}) {
    check_failed(taken_whole(std::string(1, static_cast<char>(0x80 | opcode))), 1002);
    check_failed(taken_whole(std::string(1, static_cast<char>(opcode))), 1002);
  }
}

TEST_CASE("[MQTT-6.0.0-1] a text frame closes the connection as data we do not support") {
  check_failed(whole(std::string("81 85") + kKey + "'Hello'"), 1003);
  check_failed(whole(std::string("01 80") + kKey), 1003);
  const Outcome after_data = whole(std::string("82 82") + kKey + "C0 00 81 80" + kKey);
  check_failed(after_data, 1003);
  CHECK(after_data.payload == hex("C0 00"));
}

TEST_CASE("RFC 6455 5.4: a message in fragments, empty ones among them, is one stream") {
  check_open(whole(std::string("02 81") + kKey + "'a' 00 80" + kKey + "00 82" + kKey + "'bc' 80 80" + kKey + "82 81" +
                   kKey + "'d'"),
             "abcd");
}

TEST_CASE("RFC 6455 5.4: control frames may come between fragments and are answered at once") {
  check_open(whole(std::string("02 81") + kKey + "'a' 89 82" + kKey + "'hi' 00 81" + kKey + "'b' 8A 81" + kKey +
                   "'x' 89 80" + kKey + "80 81" + kKey + "'c'"),
             "abc", "8A 02 'hi' 8A 00");
}

TEST_CASE("RFC 6455 5.4: a continuation of nothing fails, at the start and after the last fragment") {
  check_failed(whole(std::string("80 80") + kKey), 1002);
  check_failed(whole(std::string("00 80") + kKey), 1002);
  check_failed(whole(std::string("82 80") + kKey + "80"), 1002);
  check_failed(whole(std::string("02 80") + kKey + "80 80" + kKey + "00"), 1002);
}

TEST_CASE("RFC 6455 5.4: a new message before the end of another fails") {
  check_failed(whole(std::string("02 80") + kKey + "82"), 1002);
  check_failed(whole(std::string("02 80") + kKey + "02"), 1002);
}

TEST_CASE("RFC 6455 5.5: control frames are whole and have at most 125 bytes") {
  for (const auto* opcode : {"08", "09", "0A"}) check_failed(whole(opcode), 1002);
  for (const auto* opcode : {"88 ", "89 ", "8A "}) {
    check_failed(whole(std::string(opcode) + "FE"), 1002);
    check_failed(whole(std::string(opcode) + "FF"), 1002);
  }
  const std::string longest(125, 'p');
  check_open(taken_whole(hex(std::string("89 FD") + kKey) + longest), "", "8A 7D '" + longest + "'");
}

TEST_CASE("RFC 6455 5.5.2: a ping is answered by a pong with what it held, unmasked") {
  check_open(whole("89 85 37 FA 21 3D 7F 9F 4D 51 58"), "", "8A 05 'Hello'");
  check_open(whole(std::string("89 84") + kKey + "00 FF FE FD"), "", "8A 04 00 FF FE FD");
}

TEST_CASE("RFC 6455 5.5.3: a pong that nobody asked for is passed over") {
  check_open(whole(std::string("8A 80") + kKey + "8A 83" + kKey + "'abc' 82 81" + kKey + "'x'"), "x");
}

TEST_CASE("RFC 6455 5.5.2: ten pings get ten pongs in their order") {
  std::string stream, replies;
  for (char c = '0'; c <= '9'; ++c) {
    append_client_frame(stream, std::string(1, c), 77, Opcode::ping);
    replies += std::string("\x8A\x01") + c;
  }
  CHECK(taken_whole(stream).replies == replies);
}

TEST_CASE("RFC 6455 5.5.3: who pings and never reads makes us hold one KiB at most, and the last ping is answered") {
  WebSocketInput input;
  for (int i = 0; i < 10'000; ++i) {
    std::string ping;
    append_client_frame(ping, std::string(100, 'p') + std::to_string(i), 0xABCD'EF01, Opcode::ping);
    REQUIRE(input.take(ping.data(), ping.size()).status == Status::open);
  }
  std::string replies;
  input.take_replies(replies);
  CHECK(replies.size() <= 1024);
  CHECK(replies.ends_with("p9999"));
  CHECK(static_cast<unsigned char>(replies[0]) == 0x8A);
  CHECK_FALSE(input.has_replies());
  std::string close = with_code(1000);
  input.take(close.data(), close.size());
  input.take_replies(replies);
  CHECK(replies.ends_with(hex("88 02 03 E8")));
}

TEST_CASE("replies can be taken while a ping is arriving and while a message is in fragments") {
  WebSocketInput input;
  Outcome outcome;
  test::take_piece(input, hex(std::string("02 81") + kKey + "'a' 89 81" + kKey + "'1' 89 82" + kKey + "'2'"), outcome);
  CHECK(input.has_replies());
  input.take_replies(outcome.replies);
  CHECK_FALSE(input.has_replies());
  test::take_piece(input, hex(std::string("'3' 80 81") + kKey + "'b'"), outcome);
  input.take_replies(outcome.replies);
  check_open(outcome, "ab", "8A 01 '1' 8A 02 '23'");
}

TEST_CASE("RFC 6455 5.5.1: a close is answered with its code, or without if it has none, and the rest is ignored") {
  const Outcome bare = whole(std::string("88 80") + kKey + "82 81" + kKey + "'x' FF FF");
  CHECK(bare.status == Status::closed);
  CHECK(bare.code == CloseCode::none_given);
  CHECK(bare.replies == hex("88 00"));
  CHECK(bare.payload.empty());
  const Outcome with_reason = whole(std::string("82 81") + kKey + "'x' 88 87" + kKey + "03 E8 'bye' C3 A9");
  CHECK(with_reason.status == Status::closed);
  CHECK(with_reason.code == CloseCode::normal);
  CHECK(with_reason.replies == hex("88 02 03 E8"));
  CHECK(with_reason.payload == "x");
}

TEST_CASE("RFC 6455 5.5.1: once it is closed or failed, what comes is ignored and nothing more is answered") {
  for (const auto* end : {"88 80 00 00 00 00", "83"}) {
    WebSocketInput input;
    Outcome outcome;
    test::take_piece(input, hex(end), outcome);
    const auto status = outcome.status;
    input.take_replies(outcome.replies);
    test::take_piece(input, hex("89 80 00 00 00 00 82 81 00 00 00 00 'x'"), outcome);
    CHECK(outcome.payload.empty());
    CHECK(outcome.status == status);
    CHECK_FALSE(input.has_replies());
  }
}

TEST_CASE("RFC 6455 5.4: a close between fragments closes") {
  CHECK(whole(std::string("02 81") + kKey + "'a' 88 80" + kKey).status == Status::closed);
}

TEST_CASE("RFC 6455 7.4: close codes that may be sent are taken, others fail the connection") {
  for (const unsigned code : std::initializer_list<unsigned>{1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012,
                                                             1013, 1014, 3000, 3999, 4000, 4999}) {
    CAPTURE(code);
    const Outcome outcome = taken_whole(with_code(code, "why"));
    CHECK(outcome.status == Status::closed);
    CHECK(static_cast<unsigned>(outcome.code) == code);
  }
  for (const unsigned code :
       std::initializer_list<unsigned>{0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535}) {
    CAPTURE(code);
    check_failed(taken_whole(with_code(code)), 1002);
  }
}

TEST_CASE("RFC 6455 5.5.1: half a close code fails the connection") {
  check_failed(whole(std::string("88 81") + kKey + "03"), 1002);
}

TEST_CASE("RFC 6455 5.5.1: a close reason is UTF-8 of up to 123 bytes") {
  CHECK(taken_whole(with_code(1000, std::string(123, 'r'))).status == Status::closed);
  CHECK(taken_whole(with_code(1000, hex("CE BA E1 BD B9 CF 83 CE BC CE B5 F0 9F 98 80"))).status == Status::closed);
  CHECK(taken_whole(with_code(1000, hex("'a' 00 C3 A9 00"))).status == Status::closed);  // U+0000 is a character
  for (const auto* reason : {"FF", "C3", "ED A0 80", "C0 80", "F4 90 80 80", "'ok' 80", "'a' 00 C3", "00 FF"}) {
    CAPTURE(reason);
    check_failed(taken_whole(with_code(1000, hex(reason))), 1007);
  }
}

TEST_CASE("RFC 6455 5.3: every alignment of mask, payload, distance and size gives the same bytes") {
  std::string payload;
  for (int i = 0; i < 100; ++i) payload.push_back(static_cast<char>(i * 7));
  for (std::size_t size = 0; size <= 70; ++size) {
    for (std::size_t distance = 0; distance < 20; ++distance) {
      for (unsigned phase = 0; phase < 4; ++phase) {
        const unsigned char key[4] = {0x37, 0xFA, 0x21, 0x3D};
        std::string memory(distance + 1, '#');
        for (std::size_t i = 0; i < size; ++i) {
          memory.push_back(static_cast<char>(static_cast<unsigned char>(payload[i]) ^ key[(i + phase) % 4]));
        }
        std::uint32_t mask = 0;
        std::memcpy(&mask, key, 4);
        char nothing[4] = {};
        mask = unmask(nothing, nothing, phase, mask);
        memory += "end";
        const std::uint32_t after = unmask(memory.data() + 1, memory.data() + 1 + distance, size, mask);
        REQUIRE(memory[0] == '#');
        REQUIRE(memory.substr(1, size) == payload.substr(0, size));
        REQUIRE(memory.ends_with("end"));
        char next[4] = {};
        unmask(next, next, 4, after);
        for (std::size_t i = 0; i < 4; ++i) REQUIRE(static_cast<unsigned char>(next[i]) == key[(size + phase + i) % 4]);
      }
    }
  }
}

TEST_CASE("RFC 6455 5.2: the header of a server's frame has the shortest length there is") {
  const auto header = [](std::size_t payload, Opcode opcode = Opcode::binary) {
    char bytes[kFrameHeaderMax];
    return std::string(bytes, frame_header(bytes, payload, opcode));
  };
  CHECK(header(0) == hex("82 00"));
  CHECK(header(125) == hex("82 7D"));
  CHECK(header(126) == hex("82 7E 00 7E"));
  CHECK(header(65'535) == hex("82 7E FF FF"));
  CHECK(header(65'536) == hex("82 7F 00 00 00 00 00 01 00 00"));
  CHECK(header(0x0102'0304'0506) == hex("82 7F 00 00 01 02 03 04 05 06"));
  CHECK(header(3, Opcode::ping) == hex("89 03"));
}

TEST_CASE("RFC 6455 5.5.1: our close frame says why in 123 bytes, and cuts no character in two") {
  std::string frame;
  append_close_frame(frame, CloseCode::going_away);
  CHECK(frame == hex("88 02 03 E9"));
  frame.clear();
  append_close_frame(frame, CloseCode::internal_error, std::string(122, 'a') + hex("C3 A9"));
  CHECK(frame == hex("88 7C 03 F3") + std::string(122, 'a'));
}

TEST_CASE("nothing is allocated for a connection that only sends data") {
  CHECK(sizeof(WebSocketInput) <= 64);
  CHECK_FALSE(WebSocketInput().has_replies());
}

}  // namespace bramble
