#include "core/websocket/answers.h"

#include <doctest/doctest.h>

namespace bramble {

TEST_CASE("RFC 6455 1.3: the key of the standard's example is accepted with the standard's answer") {
  CHECK(websocket_accept("dGhlIHNhbXBsZSBub25jZQ==") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

TEST_CASE("RFC 6455 4.2.2: 101 has the key's answer and the subprotocol that was chosen [MQTT-6.0.0-4]") {
  HttpRequest request;
  request.key = "dGhlIHNhbXBsZSBub25jZQ==";
  request.protocol = "mqtt";
  std::string out;
  append_switching_protocols(out, request);
  CHECK(out ==
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: mqtt\r\n\r\n");
}

TEST_CASE("an error says what it is in a line of text, and HEAD gets the same without the text") {
  std::string out;
  append_error(out, HttpStatus::not_found);
  const std::string head =
      "HTTP/1.1 404 Not Found\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 14\r\n"
      "X-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n";
  CHECK(out == head + "404 Not Found\n");
  out.clear();
  append_error(out, HttpStatus::not_found, true);
  CHECK(out == head);
}

TEST_CASE("every error has its name, its length and the end of the connection") {
  for (const auto status : {HttpStatus::bad_request, HttpStatus::forbidden, HttpStatus::not_found,
                            HttpStatus::method_not_allowed, HttpStatus::upgrade_required, HttpStatus::headers_too_large,
                            HttpStatus::internal_error, HttpStatus::unavailable, HttpStatus::version_not_supported}) {
    std::string out;
    append_error(out, status);
    const std::size_t end = out.find("\r\n\r\n");
    REQUIRE(end != std::string::npos);
    const std::string title = out.substr(9, out.find("\r\n") - 9);
    CHECK(title.starts_with(std::to_string(static_cast<unsigned>(status)) + " "));
    CHECK(title.size() > 6);
    CHECK(out.substr(end + 4) == title + "\n");
    CHECK(out.find("\r\nContent-Length: " + std::to_string(title.size() + 1) + "\r\n") != std::string::npos);
    CHECK(out.find("\r\nConnection: close") != std::string::npos);
  }
}

TEST_CASE("RFC 6455 4.4: 426 says which version there is, and 405 which methods") {
  std::string out;
  append_error(out, HttpStatus::upgrade_required);
  CHECK(out.find("\r\nSec-WebSocket-Version: 13\r\n") != std::string::npos);
  CHECK(out.find("\r\nUpgrade: websocket\r\n") != std::string::npos);
  CHECK(out.find("\r\nConnection: close, Upgrade\r\n") != std::string::npos);
  out.clear();
  append_error(out, HttpStatus::method_not_allowed);
  CHECK(out.find("\r\nAllow: GET, HEAD\r\n") != std::string::npos);
}

TEST_CASE("a file's head has its type, its size and its ETag, and 304 the ETag alone") {
  std::string out;
  append_file_head(out, "text/css; charset=utf-8", 5'000'000'000, "1f-a0");
  CHECK(out ==
        "HTTP/1.1 200 OK\r\nContent-Type: text/css; charset=utf-8\r\nContent-Length: 5000000000\r\n"
        "X-Content-Type-Options: nosniff\r\nCache-Control: no-cache\r\nETag: \"1f-a0\"\r\nConnection: close\r\n\r\n");
  out.clear();
  append_not_modified(out, "1f-a0");
  CHECK(out == "HTTP/1.1 304 Not Modified\r\nCache-Control: no-cache\r\nETag: \"1f-a0\"\r\nConnection: close\r\n\r\n");
}

TEST_CASE("RFC 9110 13.1.2: If-None-Match is a list of ETags, weak or strong, or any") {
  CHECK(etag_matches("\"a\"", "a"));
  CHECK(etag_matches("W/\"a\"", "a"));
  CHECK(etag_matches("\"b\" , W/\"a\"", "a"));
  CHECK(etag_matches("*", "a"));
  for (const auto* other : {"", "a", "\"b\"", "\"a", "\"", "\"aa\"", "W/", ","}) CHECK_FALSE(etag_matches(other, "a"));
}

}  // namespace bramble
