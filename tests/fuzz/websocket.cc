#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/base/check.h"
#include "core/websocket/answers.h"
#include "core/websocket/client_frames.h"
#include "core/websocket/frames.h"
#include "core/websocket/path.h"
#include "core/websocket/upgrade.h"
#include "tests/core/websocket/plain_frames.h"

// Any bytes as what a client sends to a WebSocket listener. The first byte chooses: as frames, in one piece and in
// pieces and to the plain reader, which must agree; as a request, in one piece and byte by byte; as a server's answer.
// The second is the size of the pieces.

namespace bramble {

namespace {

void frames(std::string_view stream, std::size_t piece) {
  const test::Outcome whole = test::taken_whole(stream);
  check(whole == test::PlainFrames::read(stream), "the plain reader agrees");
  WebSocketInput input;
  test::Outcome outcome;
  for (std::string_view left = stream; !left.empty();) {
    const auto some = left.substr(0, piece);
    test::take_piece(input, some, outcome);
    left.remove_prefix(some.size());
  }
  input.take_replies(outcome.replies);
  check(whole == outcome, "pieces make no difference");
  static_cast<void>(test::taken_whole(stream, WebSocketInput::Peer::server));
}

void check_path(const std::string& path) {
  check(path.starts_with('/') && path.find('\0') == std::string::npos && path.find('\\') == std::string::npos,
        "a path is a path");
  check((path + "/").find("/../") == std::string::npos, "it stays below its root");
}

void request(std::string_view text) {
  RequestReader whole;
  const auto taken = whole.take(text);
  RequestReader reader;
  std::size_t used = 0;
  RequestReader::Taken last;
  while (used < text.size() && last.state == RequestReader::State::more) last = reader.take(text.substr(used++, 1));
  check(taken.state == last.state && taken.used == used, "pieces make no difference");
  if (taken.state == RequestReader::State::failed) {
    check(std::string_view(whole.what()) == reader.what() && whole.status() == reader.status(), "nor to what is wrong");
    std::string answer;
    append_error(answer, whole.status());
  }
  if (taken.state != RequestReader::State::done) return;
  const HttpRequest& found = whole.request();
  check(found.path == reader.request().path && found.host == reader.request().host, "nor to what is right");
  check_path(found.path);
  static_cast<void>(media_type(found.path));
  static_cast<void>(etag_matches(found.if_none_match, "1-2"));
  static_cast<void>(first_address(found.forwarded_for));
  static_cast<void>(last_address(found.forwarded_for));
  if (!found.websocket) return;
  check(!found.protocol.empty() && found.key.size() == 24 && !found.head_only, "a WebSocket has what it needs");
  std::string answer;
  append_switching_protocols(answer, found);
  const auto read =
      read_upgrade_answer(answer, UpgradeQuestion{.host = "h", .key = found.key, .protocol = found.protocol});
  check(read.state == UpgradeAnswer::State::open && read.used == answer.size(), "our answer is right");
}

}  // namespace

}  // namespace bramble

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace bramble;
  if (size < 2) return 0;
  const std::string stream(reinterpret_cast<const char*>(data) + 2, size - 2);
  switch (data[0] % 4) {
    case 0: request(stream); break;
    case 1: static_cast<void>(read_upgrade_answer(stream, UpgradeQuestion{.host = "h"})); break;
    default: frames(stream, 1u + data[1]);
  }
  return 0;
}
