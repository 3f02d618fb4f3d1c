#include <doctest/doctest.h>
#include <vector>

#include "core/websocket/client_frames.h"
#include "core/websocket/frames.h"
#include "tests/core/mqtt/received.h"
#include "tests/core/websocket/plain_frames.h"
#include "tests/support/random.h"

namespace bramble {

namespace {

using mqtt::test::hex;
using test::Outcome;
using test::PlainFrames;
using testing::Random;
using testing::test_seed;

Outcome in_pieces(std::string_view stream, const std::vector<std::size_t>& cuts) {
  WebSocketInput input;
  Outcome outcome;
  std::size_t from = 0;
  for (const std::size_t cut : cuts) {
    test::take_piece(input, stream.substr(from, cut - from), outcome);
    from = cut;
  }
  test::take_piece(input, stream.substr(from), outcome);
  input.take_replies(outcome.replies);
  return outcome;
}

/// A frame that is right more often than not.
std::string some_frame(Random& random, bool& in_message) {
  std::string frame;
  const auto key = static_cast<std::uint32_t>(random.next());
  const std::vector<std::size_t> sizes{0, 1, 3, 7, 8, 15, 16, 17, 64, 124, 125, 126, 127, 300};
  if (random.one_in(5)) {
    append_client_frame(frame, random.bytes(random.below(126)), key, random.one_in(2) ? Opcode::ping : Opcode::pong);
  } else if (random.one_in(10)) {
    const std::string code{static_cast<char>(3 + random.below(2)), static_cast<char>(0xE0 + random.below(32))};
    append_client_frame(frame, random.one_in(3) ? random.bytes(random.below(6)) : code + random.bytes(random.below(3)),
                        key, Opcode::close);
  } else {
    const bool last = random.one_in(2);
    append_client_frame(frame, random.bytes(random.pick(sizes)), key,
                        in_message ? Opcode::continuation : Opcode::binary, last);
    in_message = !last;
  }
  if (random.one_in(60)) frame[random.below(2)] = static_cast<char>(random.next());
  return frame;
}

}  // namespace

TEST_CASE("every cut, and every two cuts, of a stream with all there is gives the same result") {
  const std::string key = " 37 FA 21 3D ";
  const std::vector<std::string> streams{
      hex("82 85" + key + "7F 9F 4D 51 58 02 83" + key + "'abc' 89 83" + key + "'xyz' 00 FE 00 03" + key +
          "'def' 8A 81" + key + "'q' 80 FF 00 00 00 00 00 00 00 02" + key + "'gh' 89 80" + key + "82 80" + key +
          "88 84" + key + "34 12 52 55 82 81"),
      hex("82 81" + key + "'x' 88 82" + key + "34 13 82"),  // a code that may not be sent
      hex("02 81" + key + "'x' 89 84" + key + "'ping' 81 80"),
      hex("82 FF 80 00 00 00 00 00 00 00" + key),
      hex("82 85" + key + "7F 9F 4D 51 58 82 05"),
      hex("88 83" + key + "34 12 DE"),
  };
  for (const std::string& stream : streams) {
    const Outcome expected = PlainFrames::read(stream);
    for (std::size_t first = 0; first <= stream.size(); ++first) {
      for (std::size_t second = first; second <= stream.size(); ++second) {
        CAPTURE(first);
        CAPTURE(second);
        REQUIRE((in_pieces(stream, {first, second}) == expected));
      }
    }
    std::vector<std::size_t> every_byte;
    for (std::size_t i = 0; i < stream.size(); ++i) every_byte.push_back(i);
    CHECK((in_pieces(stream, every_byte) == expected));
  }
}

TEST_CASE("random streams in random pieces become what the plain reader makes of them") {
  Random random(test_seed());
  std::size_t open = 0, closed = 0, failed = 0;
  for (int round = 0; round < 3'000; ++round) {
    std::string stream;
    bool in_message = false;
    for (std::uint64_t frames = random.between(1, 20); frames > 0; --frames) stream += some_frame(random, in_message);
    if (random.one_in(4)) stream.resize(random.below(stream.size()));
    std::vector<std::size_t> cuts;
    for (std::size_t at = random.below(40); at < stream.size(); at += random.between(1, 40)) cuts.push_back(at);
    const Outcome expected = PlainFrames::read(stream);
    CAPTURE(round);
    REQUIRE((in_pieces(stream, cuts) == expected));
    REQUIRE((in_pieces(stream, {}) == expected));
    ++(expected.status == WebSocketInput::Status::open     ? open
       : expected.status == WebSocketInput::Status::closed ? closed
                                                           : failed);
  }
  CHECK(open > 300);  // streams of every kind came up
  CHECK(closed > 50);
  CHECK(failed > 100);
}

TEST_CASE("bytes by chance become what the plain reader makes of them") {
  Random random(test_seed() + 1);
  const std::vector<char> firsts{'\x82', '\x02', '\x00', '\x80', '\x88', '\x89', '\x8A'};
  for (int round = 0; round < 20'000; ++round) {
    std::string stream = random.bytes(random.below(40));
    if (!stream.empty()) stream[0] = random.pick(firsts);
    if (stream.size() > 1) stream[1] = static_cast<char>(0x80 | random.below(32));
    REQUIRE((in_pieces(stream, {random.below(stream.size() + 1)}) == PlainFrames::read(stream)));
  }
}

}  // namespace bramble
