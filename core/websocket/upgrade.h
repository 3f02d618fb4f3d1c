#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace bramble {

enum class HttpStatus : std::uint16_t {
  switching_protocols = 101,
  ok = 200,
  not_modified = 304,
  bad_request = 400,
  forbidden = 403,
  not_found = 404,
  method_not_allowed = 405,
  upgrade_required = 426,
  headers_too_large = 431,
  internal_error = 500,
  unavailable = 503,
  version_not_supported = 505,
};

/// A GET or HEAD that was found to be right. What is not there is empty.
struct HttpRequest {
  bool websocket = false;  ///< asks for a WebSocket, and all that RFC 6455 4.2.1 wants of it is there
  bool head_only = false;  ///< HEAD: an answer without a body
  std::string path;        ///< as decode_path() gives it
  std::string host;        ///< with the port if one was sent
  std::optional<std::string> origin;
  std::string key;                 ///< websocket: Sec-WebSocket-Key
  std::string_view protocol;       ///< websocket: "mqtt" or "mqttv3.1", the first of them the client offered; static
  bool offers_extensions = false;  ///< websocket: such as compression; we take none (RFC 6455 9.1)
  std::string forwarded_for;       ///< X-Forwarded-For, "client, proxy, proxy": anyone can write it, see last_address()
  std::string if_none_match;
};

/// Reads the head of one HTTP/1.1 request (RFC 9112) as it comes, byte after byte, so pieces make no difference.
/// Strict, because proxies and we must not read two things: lines end with CR LF, no line is folded, no blank stands
/// before a colon, a header that means one thing comes once, there is no body. HTTP/1.0 is taken for files alone.
/// Of the subprotocols one of ours must be offered [MQTT-6.0.0-3], as mosquitto wants it; names are case-sensitive.
/// Bounds: `head_bytes_max` (its own cap kHeadBytesMax), kHeaderLinesMax lines; then 431.
/// Errors: the first thing wrong, as the status to answer, with words for the log. A packet of MQTT or a TLS hello is
/// wrong from its first byte.
/// Memory: a line and what is kept.  Threads: a value of one thread.
class RequestReader {
 public:
  static constexpr std::size_t kHeadBytesDefault = 4096;
  static constexpr std::size_t kHeadBytesMax = 8192;
  static constexpr std::size_t kHeaderLinesMax = 100;
  enum class State : std::uint8_t { more, done, failed };
  struct Taken {
    State state = State::more;
    std::size_t used = 0;  ///< done: where the head ends; what follows belongs to the WebSocket
  };

  explicit RequestReader(std::size_t head_bytes_max = kHeadBytesDefault);

  Taken take(std::string_view bytes);
  const HttpRequest& request() const { return request_; }  ///< good once done; head_only as soon as it failed, too
  HttpStatus status() const { return status_; }            ///< failed: for append_error()
  const char* what() const { return what_; }

 private:
  enum class Field : std::uint8_t;

  void take_byte(char c);
  void take_line(std::string_view line);
  void take_request_line(std::string_view line);
  void take_target(std::string_view target);
  void take_header(std::string_view line);
  void take_field(Field field, std::string_view value);
  void take_protocols(std::string_view list);
  void finish();
  void finish_websocket();
  void fail(HttpStatus status, const char* what);

  HttpRequest request_;
  std::string line_;
  std::string version_;  ///< Sec-WebSocket-Version
  std::size_t head_bytes_ = 0;
  std::size_t head_bytes_max_;
  std::size_t lines_ = 0;
  const char* what_ = "";
  std::uint32_t seen_ = 0;  ///< bit of each Field that came
  HttpStatus status_ = HttpStatus::bad_request;
  State state_ = State::more;
  bool http_1_0_ = false;
  bool host_from_target_ = false;
  bool connection_upgrade_ = false;
  bool upgrade_websocket_ = false;
};

/// May a page of this origin open a WebSocket here? `allowed` is empty, or has it, in any case. With a list nobody may
/// who names no origin, as in mosquitto with libwebsockets.
bool origin_allowed(const std::optional<std::string>& origin, std::span<const std::string> allowed);

/// Of X-Forwarded-For: whom the first proxy saw, as it or the client says; and whom the last one saw, which is the one
/// to believe if that proxy is ours.
std::string_view first_address(std::string_view forwarded_for);
std::string_view last_address(std::string_view forwarded_for);

}  // namespace bramble
