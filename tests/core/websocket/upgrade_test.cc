#include "core/websocket/upgrade.h"

#include <doctest/doctest.h>
#include <vector>

#include "tests/support/random.h"

namespace bramble {

namespace {

using State = RequestReader::State;

const std::string kRight =
    "GET /mqtt HTTP/1.1\r\nHost: broker.example:9001\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n";

/// `text` with one part replaced; the part has to be there.
std::string with(std::string_view part, std::string_view instead, std::string text = kRight) {
  const std::size_t at = text.find(part);
  REQUIRE(at != std::string::npos);
  return text.replace(at, part.size(), instead);
}
/// The right one and another header line.
std::string and_line(const std::string& line) { return with("\r\n\r\n", "\r\n" + line + "\r\n\r\n"); }
std::string for_path(std::string_view target) { return with("/mqtt", target); }

/// 0 if it is not refused.
unsigned refusal(std::string_view text) {
  RequestReader reader;
  return reader.take(text).state == State::failed ? static_cast<unsigned>(reader.status()) : 0;
}
HttpRequest request(std::string_view text) {
  RequestReader reader;
  const auto taken = reader.take(text);
  CAPTURE(text);
  CAPTURE(reader.what());
  REQUIRE(taken.state == State::done);
  CHECK(taken.used == text.size());
  return reader.request();
}

/// All that one can know of it, when it comes in two pieces, or byte by byte.
std::string account(std::string_view text, std::size_t cut, bool bytewise = false) {
  RequestReader reader;
  RequestReader::Taken taken;
  std::size_t used = 0;
  while (used < text.size() && taken.state == State::more) {
    const std::size_t end = bytewise ? used + 1 : used < cut ? cut : text.size();
    taken = reader.take(text.substr(used, end - used));
    used += taken.used;
  }
  const std::string state = std::to_string(static_cast<int>(taken.state)) + " " + std::to_string(used) + " ";
  if (taken.state == State::more) return state;
  if (taken.state == State::failed) return state + reader.what();
  const HttpRequest& found = reader.request();
  return state + found.path + " " + found.host + " " + found.key + " " + std::string(found.protocol) + " " +
         found.origin.value_or("-") + " " + found.forwarded_for + " " + std::to_string(found.websocket);
}

}  // namespace

TEST_CASE("RFC 6455 4.2.1: a request with all it needs is one for a WebSocket, and frames may follow it") {
  RequestReader reader;
  const auto taken = reader.take(kRight + "\x82\x80");
  CHECK(taken.state == State::done);
  CHECK(taken.used == kRight.size());
  const HttpRequest& found = reader.request();
  CHECK(found.websocket);
  CHECK_FALSE(found.head_only);
  CHECK(found.path == "/mqtt");
  CHECK(found.host == "broker.example:9001");
  CHECK(found.key == "dGhlIHNhbXBsZSBub25jZQ==");
  CHECK(found.protocol == "mqtt");
  CHECK_FALSE(found.origin);
  CHECK(found.forwarded_for.empty());
}

TEST_CASE("a request cut at every byte, and one that comes byte by byte, is the same, right or wrong") {
  const std::string more = "Origin: https://example.org\r\nX-Forwarded-For: 10.0.0.1, 10.0.0.2";
  for (const std::string& text :
       {and_line(more) + "frames", and_line("Bad Name: x"), and_line(" folded"), with("13", "12"), with("\r\n", "\n"),
        with("\r\n", "\rx"), kRight.substr(0, 100), std::string("\x10\x0C\0\4MQTT", 8), std::string(5'000, 'a')}) {
    const std::string expected = account(text, text.size());
    CHECK(account(text, 0, true) == expected);
    for (std::size_t cut = 1; cut < text.size(); ++cut) REQUIRE(account(text, cut) == expected);
  }
}

TEST_CASE("RFC 6455 4.2.1: Connection and Upgrade are lists of words in any case, on one line or several") {
  CHECK(request(with("Connection: Upgrade", "CONNECTION:keep-alive , upGRADE")).websocket);
  CHECK(request(with("Connection: Upgrade", "Connection: keep-alive\r\nConnection: Upgrade")).websocket);
  CHECK(request(with("Upgrade: websocket", "upgrade: h2c,WebSocket\t")).websocket);
  CHECK_FALSE(request(with("Upgrade: websocket", "Upgrade: h2c")).websocket);
  CHECK_FALSE(request(with("Upgrade: websocket\r\n", "")).websocket);
  CHECK(refusal(with("Connection: Upgrade", "Connection: keep-alive")) == 400);
  CHECK(refusal(with("Connection: Upgrade\r\n", "")) == 400);
}

TEST_CASE("RFC 6455 4.4: versions other than 13, or none, are answered with 426") {
  for (const auto* version : {"8", "0", "14", "013", "13, 8", "", "x"}) {
    CHECK(refusal(with("Version: 13", std::string("Version: ") + version)) == 426);
  }
  CHECK(refusal(with("Sec-WebSocket-Version: 13\r\n", "")) == 426);
}

TEST_CASE("RFC 6455 4.2.1: the key is 16 bytes in base64, once") {
  for (const auto* key : {"", "dGhlIHNhbXBsZSBub25jZQ=", "dGhlIHNhbXBsZSBub25jZQ", "dGhlIHNhbXBsZSBub25jZQ===",
                          "dGhlIHNhbXBsZSBub25jZ?==", "dGhlIHNhbXBsZSBub25jZQAA", "dGhlIHNhbXBsZSB b25jZQ=="}) {
    CHECK(refusal(with("dGhlIHNhbXBsZSBub25jZQ==", key)) == 400);
  }
  CHECK(refusal(with("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", "")) == 400);
  CHECK(refusal(and_line("sec-websocket-KEY: dGhlIHNhbXBsZSBub25jZQ==")) == 400);
  CHECK(request(with("dGhlIHNhbXBsZSBub25jZQ==", "++++////++++////++++//==")).websocket);
}

TEST_CASE("RFC 6455 9.1: whether extensions are offered is known") {
  const auto beside = [](const std::string& header) {
    return with("Sec-WebSocket-Protocol: mqtt", "Sec-WebSocket-Protocol: mqtt\r\n" + header);
  };
  CHECK_FALSE(request(beside("X: y")).offers_extensions);
  CHECK_FALSE(request(beside("Sec-WebSocket-Extensions:")).offers_extensions);
  CHECK(request(beside("Sec-WebSocket-Extensions: permessage-deflate")).offers_extensions);
}

TEST_CASE("[MQTT-6.0.0-3] mqtt or mqttv3.1 has to be among the subprotocols, and the first of them is taken") {
  const auto offered = [](const std::string& list) { return with("Sec-WebSocket-Protocol: mqtt", list); };
  CHECK(request(offered("Sec-WebSocket-Protocol: mqttv3.1")).protocol == "mqttv3.1");
  CHECK(request(offered("Sec-WebSocket-Protocol: chat, mqttv3.1 ,mqtt")).protocol == "mqttv3.1");
  CHECK(request(offered("Sec-WebSocket-Protocol: ,mqtt,, mqttv3.1")).protocol == "mqtt");
  CHECK(request(offered("Sec-WebSocket-Protocol: chat\r\nSec-WebSocket-Protocol: mqtt")).protocol == "mqtt");
  for (const auto* list : {"Sec-WebSocket-Protocol: chat", "Sec-WebSocket-Protocol: MQTT", "Sec-WebSocket-Protocol: ",
                           "Sec-WebSocket-Protocol: mqttv3.1.1", "Sec-WebSocket-Protocol: mqtt chat", "X: y"}) {
    CHECK(refusal(offered(list)) == 400);
  }
}

TEST_CASE("RFC 9112 2.2: a line ends with CR LF, and neither stands elsewhere") {
  CHECK(refusal(with("\r\n", "\n")) == 400);
  CHECK(refusal(with("\r\n\r\n", "\r\n\n")) == 400);
  CHECK(refusal(with("\r\n\r\n", "\n\n")) == 400);
  CHECK(refusal(with("Upgrade\r\n", "Upgrade\r\r\n")) == 400);
  CHECK(refusal(with("Upgrade\r\n", "Up\rgrade\r\n")) == 400);
  CHECK(refusal("\r\n" + kRight) == 400);
  for (const auto* line : {"X: a\rb", "X: a\r", "X:\r y"}) CHECK(refusal(and_line(line)) == 400);
}

TEST_CASE("a NUL or another control character is refused where it stands, a packet of MQTT at once") {
  for (const char c : {'\0', '\1', '\b', '\x1B', '\x7F'}) {
    for (const auto* part : {"/mqtt", "Upgrade: ", "Sec-WebSocket-Key", "broker"}) {
      std::string text = with(part, std::string(part) + c);
      text.resize(text.find(c) + 1);
      CHECK(refusal(text) == 400);
    }
  }
  CHECK(refusal("\x10") == 400);          // CONNECT
  CHECK(refusal("\x16\x03\x01") == 400);  // a TLS hello
}

TEST_CASE("RFC 9112 5: folded lines, blanks before a colon and lines without one are refused") {
  for (const auto* line :
       {" folded", "\tfolded", "X : y", "X\t: y", "no colon", ": no name", "X(Y): z", "X\xC3\xA9: z"}) {
    CHECK(refusal(and_line(line)) == 400);
  }
  CHECK(request(and_line("X:\tany \xC3\xA9 text: with colons\t ")).websocket);
  CHECK(request(and_line("X:")).websocket);
}

TEST_CASE("a header that means one thing is there once") {
  for (const auto* line :
       {"Host: broker.example:9001", "Sec-WebSocket-Version: 13", "If-None-Match: \"a\"\r\nif-none-match: \"b\"",
        "Origin: a\r\nOrigin: a", "Content-Length: 0\r\nContent-Length: 0"}) {
    CHECK(refusal(and_line(line)) == 400);
  }
}

TEST_CASE("RFC 9112 3.2: HTTP/1.1 needs a Host, and it has to be one") {
  CHECK(refusal(with("Host: broker.example:9001\r\n", "")) == 400);
  for (const auto* host : {"", "a b", "a/b", "user@host", "a\"b", "a\\b", "a\xC3\xA9"}) {
    CHECK(refusal(with("broker.example:9001", host)) == 400);
  }
  CHECK(request(with("broker.example:9001", "[::1]:9001")).host == "[::1]:9001");
}

TEST_CASE("RFC 9112 3.2.2: a target with a host in it is taken, and that host counts") {
  const HttpRequest found = request(for_path("ws://other.example:80/mqtt?x=http://y"));
  CHECK(found.path == "/mqtt");
  CHECK(found.host == "other.example:80");
  CHECK(request(for_path("HTTP://other.example")).path == "/");
  CHECK(request(for_path("http://other.example?x")).path == "/");
  for (const auto* target :
       {"ftp://a/", "http:///a", "http://u@h/", "*", "mqtt", "://a/", "?x", "http:/a", "a,b://c/"}) {
    CAPTURE(target);
    CHECK(refusal(for_path(target)) == 400);
  }
}

TEST_CASE("the path is decoded and cannot climb out of its root") {
  CHECK(request(for_path("/a%20b/./c/../d?e=/../..")).path == "/a b/d");
  for (const auto* path : {"/../etc/passwd", "/%2e%2e/", "/a/../../b", "/a%00", "/a\\b", "/a%5Cb", "/a%2f..", "/%"}) {
    CHECK(refusal(for_path(path)) == 400);
  }
}

TEST_CASE("the request line has three parts with one blank between") {
  for (const auto* line : {"GET /mqtt", "GET  /mqtt HTTP/1.1", "GET /mqtt  HTTP/1.1", "GET /mqtt HTTP/1.1 ",
                           " GET / HTTP/1.1", "GET\t/mqtt HTTP/1.1", "", "GET / x HTTP/1.1", "GET /mqtt http/1.1",
                           "G(T / HTTP/1.1", "GET /\xC3\xA9 HTTP/1.1"}) {
    CAPTURE(line);
    CHECK(refusal(with("GET /mqtt HTTP/1.1", line)) == 400);
  }
  for (const auto* version : {"HTTP/1.2", "HTTP/2.0", "HTTP/0.9", "HTTP/1.10", "HTTP/"}) {
    CHECK(refusal(with("HTTP/1.1", version)) == 505);
  }
}

TEST_CASE("methods other than GET and HEAD are answered with 405, and requests with a body with 400") {
  for (const auto* method : {"POST", "PUT", "CONNECT", "OPTIONS", "get", "PRI"})
    CHECK(refusal(with("GET", method)) == 405);
  for (const auto* line : {"Content-Length: 1", "Content-Length: -0", "Content-Length:", "Transfer-Encoding: chunked",
                           "Transfer-Encoding: identity"}) {
    CHECK(refusal(and_line(line)) == 400);
  }
  CHECK(request(and_line("Content-Length: 0")).websocket);
}

TEST_CASE("HEAD and HTTP/1.0 are for files: Upgrade means nothing with them") {
  const HttpRequest head = request(with("GET", "HEAD"));
  CHECK(head.head_only);
  CHECK_FALSE(head.websocket);
  CHECK_FALSE(request(with("HTTP/1.1", "HTTP/1.0")).websocket);
  CHECK(request("GET /app.js HTTP/1.0\r\n\r\n").path == "/app.js");
  RequestReader refused;
  CHECK(refused.take("HEAD /../x HTTP/1.1\r\n").state == State::failed);
  CHECK(refused.request().head_only);
}

TEST_CASE("a request without Upgrade is one for a file") {
  const HttpRequest found = request("GET /app.js HTTP/1.1\r\nHost: h\r\nIf-None-Match: \"v1\"\r\n\r\n");
  CHECK_FALSE(found.websocket);
  CHECK(found.path == "/app.js");
  CHECK(found.if_none_match == "\"v1\"");
}

TEST_CASE("a head of more bytes than allowed is answered with 431 at the first byte too many") {
  for (const std::size_t bytes_max :
       {std::size_t{512}, RequestReader::kHeadBytesDefault, RequestReader::kHeadBytesMax}) {
    const std::size_t filling = bytes_max - kRight.size() - 5;
    RequestReader reader(bytes_max);
    CHECK(reader.take(and_line("X: " + std::string(filling, 'y'))).state == State::done);
    RequestReader other(bytes_max);
    const auto taken = other.take(and_line("X: " + std::string(filling + 1, 'y')));
    CHECK(taken.state == State::failed);
    CHECK(taken.used == bytes_max + 1);
    CHECK(other.status() == HttpStatus::headers_too_large);
  }
  RequestReader capped(1 << 30);
  CHECK(capped.take("GET /" + std::string(100'000, 'a')).used == RequestReader::kHeadBytesMax + 1);
}

TEST_CASE("a flood of header lines is answered with 431") {
  std::string lines = "A:";
  for (int i = 1; i < 94; ++i) lines += "\r\nA:";
  CHECK(request(and_line(lines)).websocket);  // 100 with the six that have to be there
  CHECK(refusal(and_line(lines + "\r\nA:")) == 431);
}

TEST_CASE("X-Forwarded-For is one list, of which the first and the last address can be had") {
  const HttpRequest found =
      request(and_line("X-Forwarded-For: 203.0.113.7 ,10.0.0.1\r\nx-forwarded-for: 2001:db8::1 "));
  CHECK(found.forwarded_for == "203.0.113.7 ,10.0.0.1, 2001:db8::1");
  CHECK(first_address(found.forwarded_for) == "203.0.113.7");
  CHECK(last_address(found.forwarded_for) == "2001:db8::1");
  CHECK(first_address("10.0.0.1") == "10.0.0.1");
  CHECK(last_address("10.0.0.1") == "10.0.0.1");
  CHECK(first_address("").empty());
  CHECK(last_address("").empty());
}

TEST_CASE("RFC 6455 10.2: an Origin is allowed if the list has it, in any case, or if there is no list") {
  const std::vector<std::string> list{"https://example.org", "http://localhost:3000"};
  CHECK(origin_allowed("https://Example.ORG", list));
  CHECK(origin_allowed("http://localhost:3000", list));
  for (const auto* origin : {"http://example.org", "https://example.org.evil", "https://example.or",
                             "https://example.org:443", "null", ""}) {
    CHECK_FALSE(origin_allowed(origin, list));
  }
  CHECK_FALSE(origin_allowed(std::nullopt, list));
  CHECK(origin_allowed(std::nullopt, {}));
  CHECK(origin_allowed("https://anywhere", {}));
  CHECK(request(and_line("Origin: https://example.org")).origin == "https://example.org");
}

TEST_CASE("requests with mistakes by chance are read or refused, the same in every piece") {
  testing::Random random(testing::test_seed());
  const std::string text = and_line("X-Forwarded-For: a\r\nOrigin: o");
  for (int round = 0; round < 2'000; ++round) {
    std::string broken = text;
    for (std::uint64_t n = random.between(1, 3); n > 0; --n) {
      const std::size_t at = random.below(broken.size());
      if (random.one_in(2)) {
        broken[at] = random.pick(std::vector<char>{'\r', '\n', ':', ' ', '/', '%', '.', ',', '\0', 'x', '\xFF', '\t'});
      } else {
        broken.erase(at, random.between(1, 5));
      }
    }
    REQUIRE(account(broken, random.below(broken.size())) == account(broken, 0, true));
  }
}

}  // namespace bramble
