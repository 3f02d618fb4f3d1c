#include <arpa/inet.h>
#include <array>
#include <charconv>
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "core/websocket/client_frames.h"
#include "tests/support/client.h"

namespace bramble::testing {
namespace {

/// A broker with a second listener, for WebSockets.
class WebBroker {
 public:
  WebBroker() : broker_("listener 0 127.0.0.1\nprotocol websockets\nallow_anonymous true") {
    broker_.wait_for_log(" with 2 reactors");
    const std::string log = broker_.log();
    const auto last = log.rfind(':', log.find(" with 2 reactors"));
    REQUIRE(last != std::string::npos);
    std::from_chars(log.data() + last + 1, log.data() + log.size(), port_);
  }
  std::uint16_t port() const { return port_; }
  const Broker& plain() const { return broker_; }

 private:
  Broker broker_;
  std::uint16_t port_ = 0;
};

WebBroker& web_broker() {
  static WebBroker broker;
  return broker;
}

/// A client's WebSocket; every wait is bounded.
class WebClient {
 public:
  explicit WebClient(std::string_view protocols = "mqtt", Where where = Where::current()) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(web_broker().port());
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const timeval patience{kPatienceMs / 1000, 0};
    ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) fail_at(where, "no TCP");
    send_raw(upgrade_request({.host = "localhost", .protocol = protocols}));
    while (answer_.find("\r\n\r\n") == std::string::npos && read_some(answer_)) {
    }
    if (const auto end = answer_.find("\r\n\r\n"); end != std::string::npos) take(answer_.substr(end + 4));
  }
  WebClient(const WebClient&) = delete;
  ~WebClient() { ::close(socket_); }

  const std::string& answer() const { return answer_; }
  bool opened() const { return answer_.starts_with("HTTP/1.1 101 "); }
  bool answer_has(std::string_view line) const {
    return answer_.find("\r\n" + std::string(line) + "\r\n") != std::string::npos;
  }

  void send_raw(std::string_view bytes) { ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL); }
  void send(std::string_view payload, Opcode opcode = Opcode::binary, bool last = true) {
    std::string frame;
    append_client_frame(frame, payload, 0x5A0FC33D, opcode, last);
    send_raw(frame);
  }

  /// The next bytes of MQTT, in whatever frames, are these.
  void expect(std::string_view bytes, Where where = Where::current()) {
    while (payload_.size() < bytes.size() && more()) {
    }
    if (std::string_view(payload_).substr(0, bytes.size()) != bytes) {
      fail_at(where, "came: " + to_hex(payload_) + "; expected: " + to_hex(bytes));
    }
    payload_.erase(0, bytes.size());
  }
  /// The connection is closed, after a close frame with this code and no more MQTT.
  void expect_close(CloseCode code, Where where = Where::current()) {
    while (more()) {
    }
    if (!ended_ || !payload_.empty()) fail_at(where, "not closed, or more came before: " + to_hex(payload_));
    if (code_ != code) fail_at(where, "close code " + std::to_string(static_cast<unsigned>(code_)));
  }
  void connect() {
    send(encode(Connect{.version = Version::v3_1_1, .client_id = unique_name("web")}));
    expect("20 02 00 00"_hex);
  }
  /// Binary and nothing else: every first byte of the frames that came.
  const std::string& opcodes() const { return opcodes_; }

 private:
  bool read_some(std::string& to) {
    std::array<char, 4096> bytes;
    const auto got = ::recv(socket_, bytes.data(), bytes.size(), 0);
    ended_ = got == 0 || (got < 0 && errno == ECONNRESET);
    if (got > 0) to.append(bytes.data(), static_cast<std::size_t>(got));
    return got > 0;
  }
  bool more() {
    std::string bytes;
    if (!read_some(bytes)) return false;
    take(bytes);
    return true;
  }
  void take(std::string bytes) {
    raw_ += bytes;
    note_opcodes();
    const auto taken = input_.take(bytes.data(), bytes.size());
    payload_ += bytes.substr(0, taken.payload);
    code_ = taken.code;
  }
  void note_opcodes() {
    while (raw_.size() >= 2) {
      const unsigned bits = static_cast<unsigned char>(raw_[1]);
      REQUIRE(bits < 126);  // short frames are all that these tests need
      if (raw_.size() < 2 + bits) return;
      opcodes_ += raw_[0];
      raw_.erase(0, 2 + bits);
    }
  }

  int socket_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  std::string answer_, raw_, payload_, opcodes_;
  WebSocketInput input_{WebSocketInput::Peer::server};
  CloseCode code_ = CloseCode::none_given;
  bool ended_ = false;
};

}  // namespace

TEST_CASE("[MQTT-6.0.0-1] [3.1.1: MQTT-6.0.0-1] packets come in binary frames, and a text frame ends the connection") {
  WebClient client;
  client.connect();
  client.send("C0 00"_hex);
  client.expect("D0 00"_hex);
  CHECK(client.opcodes() == "82 82"_hex);
  client.send("C0 00"_hex, Opcode::text);
  client.expect_close(CloseCode::unsupported_data);

  WebClient early;
  early.send("hello", Opcode::text);
  early.expect_close(CloseCode::unsupported_data);
}

TEST_CASE(
    "[MQTT-6.0.0-1] [3.1.1: MQTT-6.0.0-1] a text frame behind a packet ends the connection, and the Will goes out") {
  Client watcher(web_broker().plain(), Version::v3_1_1);
  const std::string topic = unique_name("web-will");
  watcher.subscribe(topic);
  WebClient client;
  client.send(
      encode(Connect{.version = Version::v3_1_1, .client_id = unique_name("web"), .will = Will{.topic = topic}}));
  client.expect("20 02 00 00"_hex);
  std::string both;
  append_client_frame(both, "C0 00"_hex, 1);
  append_client_frame(both, "C0 00"_hex, 2, Opcode::text);
  client.send_raw(both);
  client.expect("D0 00"_hex);
  client.expect_close(CloseCode::unsupported_data);
  CHECK(watcher.receive().topic == topic);
}

TEST_CASE("[MQTT-6.0.0-2] [3.1.1: MQTT-6.0.0-2] packets begin and end anywhere in frames") {
  WebClient client;
  client.connect();
  client.send("C0 00 C0 00 C0"_hex);
  client.expect("D0 00 D0 00"_hex);
  client.send("00 C0"_hex);
  client.expect("D0 00"_hex);
  client.send(""_hex);
  client.send("00 C0 00"_hex);
  client.expect("D0 00 D0 00"_hex);
  client.send("C0"_hex, Opcode::binary, false);  // one message in three fragments
  client.send("00 C0"_hex, Opcode::continuation, false);
  client.expect("D0 00"_hex);
  client.send("00"_hex, Opcode::continuation, true);
  client.expect("D0 00"_hex);
  CHECK(client.opcodes().find_first_not_of('\x82') == std::string::npos);
}

TEST_CASE("[MQTT-6.0.0-2] [3.1.1: MQTT-6.0.0-2] a conversation is the same in frames of one byte") {
  WebClient client;
  const std::string topic = unique_name("web-bytes");
  const std::string said = encode(Connect{.version = Version::v3_1_1, .client_id = unique_name("web")}) +
                           encode_subscribe(Version::v3_1_1, 1, {{topic, 1}}) +
                           encode(Version::v3_1_1, Publish{.topic = topic, .payload = "x", .qos = 1, .packet_id = 7});
  std::string frames;
  for (const char byte : said) append_client_frame(frames, std::string(1, byte), 0x01020304);
  client.send_raw(frames);
  client.expect("20 02 00 00"_hex + "90 03 0001 01"_hex);
  const std::string message =
      encode(Version::v3_1_1, Publish{.topic = topic, .payload = "x", .qos = 1, .packet_id = 1});
  client.expect(message + "40 02 0007"_hex);
}

TEST_CASE("[MQTT-6.0.0-3] [3.1.1: MQTT-6.0.0-3] a client that does not offer mqtt gets no WebSocket") {
  for (const auto* const offered : {"", "chat", "MQTT", "mqtt5, xmqtt"}) {
    CAPTURE(offered);
    WebClient client(offered);
    CHECK(client.answer().starts_with("HTTP/1.1 400 "));
  }
}

TEST_CASE("[MQTT-6.0.0-4] [3.1.1: MQTT-6.0.0-4] the subprotocol that the broker chooses is mqtt") {
  for (const auto* const offered : {"mqtt", "chat, mqtt", "mqtt,mqttv3.1"}) {
    CAPTURE(offered);
    WebClient client(offered);
    CHECK(client.opened());
    CHECK(client.answer_has("Sec-WebSocket-Protocol: mqtt"));
    client.connect();
  }
}

}  // namespace bramble::testing
