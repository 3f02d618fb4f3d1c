#include "core/websocket/client_frames.h"

#include <cstring>
#include <doctest/doctest.h>

#include "core/websocket/answers.h"
#include "core/websocket/upgrade.h"
#include "tests/core/mqtt/received.h"
#include "tests/core/websocket/plain_frames.h"

namespace bramble {

namespace {

using mqtt::test::hex;
using State = UpgradeAnswer::State;

std::string answer_to(const UpgradeQuestion& question) {
  RequestReader reader;
  REQUIRE(reader.take(upgrade_request(question)).state == RequestReader::State::done);
  REQUIRE(reader.request().websocket);
  std::string answer;
  append_switching_protocols(answer, reader.request());
  return answer;
}

}  // namespace

TEST_CASE("RFC 6455 5.3: a client's frames are masked, of every size, and are read again") {
  std::string frame;
  std::uint32_t key = 0;
  std::memcpy(&key, "\x37\xFA\x21\x3D", 4);
  append_client_frame(frame, "Hello", key);
  CHECK(frame == hex("82 85 37 FA 21 3D 7F 9F 4D 51 58"));
  for (const std::size_t size :
       {std::size_t{0}, std::size_t{125}, std::size_t{126}, std::size_t{65'535}, std::size_t{65'536}}) {
    frame.clear();
    append_client_frame(frame, std::string(size, 'x'), key);
    CHECK(frame.size() == client_frame_header_size(size) + size);
    CHECK(test::taken_whole(frame).payload == std::string(size, 'x'));
  }
}

TEST_CASE("our own request is right, and our own answer to it opens the WebSocket") {
  const UpgradeQuestion question{.host = "localhost:9001",
                                 .path = "/ws",
                                 .protocol = "mqttv3.1",
                                 .more_headers = "Origin: https://example.org\r\n"};
  const std::string answer = answer_to(question);
  const auto open = read_upgrade_answer(answer + "\x82", question);
  CHECK(open.state == State::open);
  CHECK(open.used == answer.size());
  for (std::size_t size = 0; size < answer.size(); ++size) {
    CHECK(read_upgrade_answer(answer.substr(0, size), question).state == State::more);
  }
}

TEST_CASE("RFC 6455 4.1: an answer that is not the one to our question is refused") {
  const UpgradeQuestion question{.host = "h"};
  const std::string answer = answer_to(question);
  const auto refused = [&](std::string_view part, std::string_view instead) {
    std::string text = answer;
    REQUIRE(text.find(part) != std::string::npos);
    text.replace(text.find(part), part.size(), instead);
    return read_upgrade_answer(text, question).state == State::refused;
  };
  CHECK(refused("101", "200"));
  CHECK(refused("HTTP/1.1", "HTTP/1.0"));
  CHECK(refused("s3pP", "s3pQ"));
  CHECK(refused("Upgrade: websocket", "Upgrade: h2c"));
  CHECK(refused("Connection: Upgrade", "Connection: close"));
  CHECK(refused("Protocol: mqtt", "Protocol: chat"));
  CHECK(refused("Sec-WebSocket-Protocol: mqtt\r\n", ""));
  CHECK(refused("\r\n\r\n", "\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n"));
  CHECK_FALSE(refused("Upgrade: websocket", "upgrade:WebSocket"));
  CHECK(read_upgrade_answer(std::string(10'000, 'x'), question).state == State::refused);
  std::string error;
  append_error(error, HttpStatus::forbidden);
  CHECK(read_upgrade_answer(error, question).status == 403);
}

}  // namespace bramble
