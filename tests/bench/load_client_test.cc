#include "tools/bench/load_client.h"

#include <array>
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <poll.h>
#include <string>

#include "tools/bench/engine.h"

using namespace bramble;
using namespace bramble::bench;
using namespace std::chrono_literals;
using namespace std::string_literals;
using namespace std::string_view_literals;

namespace {

/// A broker of literal bytes, played by the test, which waits for each part of the conversation.
class Conversation final : public Task, public ClientEvents {
 public:
  explicit Conversation(LoadClient::Settings settings)
      : client_(std::move(settings), *this), listener_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* any = reinterpret_cast<sockaddr*>(&address);
    REQUIRE(::bind(listener_.get(), any, size) == 0);
    REQUIRE(::listen(listener_.get(), 8) == 0);
    ::getsockname(listener_.get(), any, &size);
    std::string fault;
    broker_ = *resolve("127.0.0.1", ntohs(address.sin_port), {}, fault);
  }

  LoadClient& client() { return client_; }
  bool was_closed() const { return closed_; }
  void connect() {
    closed_ = false;
    worker_.open(client_, broker_);
    connection_ = Descriptor(::accept(listener_.get(), nullptr, nullptr));
  }
  /// The next bytes from the client are these.
  void expect(const std::string& bytes) {
    std::string got;
    std::array<char, 4096> buffer;
    for (int turns = 0; turns < 1'000 && got.size() < bytes.size(); ++turns) {
      worker_.turn(*this);
      const ssize_t more = ::recv(connection_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
      if (more > 0) got.append(buffer.data(), static_cast<std::size_t>(more));
    }
    CHECK(got == bytes);
  }
  void say(const std::string& bytes) { REQUIRE(::send(connection_.get(), bytes.data(), bytes.size(), 0) > 0); }
  template <class Condition>
  void until(Condition&& condition) {
    for (int turns = 0; turns < 1'000 && !condition(); ++turns) worker_.turn(*this);
    CHECK(condition());
  }
  void hang_up() { connection_.reset(); }
  /// How the connection ended, as the broker sees it: 0 if orderly, else an errno.
  int end() {
    char byte = 0;
    return ::recv(connection_.get(), &byte, 1, 0) < 0 ? errno : 0;
  }

  SteadyTime turn(SteadyTime now) override { return now + 10ms; }
  void on_closed(LoadClient&) override { closed_ = true; }

 private:
  LoadClient client_;
  Worker worker_;
  Descriptor listener_;
  Endpoint broker_;
  Descriptor connection_;
  bool closed_ = false;
};

constexpr auto kConnack = "\x20\x02\x00\x00"sv;

}  // namespace

TEST_CASE("a client says in its CONNECT what the settings have: session, expiry, Will") {
  Conversation talk({.version = mqtt::Version::v5,
                     .client_id = "c",
                     .user_name = {},
                     .password = {},
                     .keep_alive = 10,
                     .clean_start = false,
                     .session_expiry = 60,
                     .will = LoadClient::Will{"w/1", "gone", mqtt::Qos::at_least_once, true},
                     .filters = {"a/b"},
                     .filter_qos = mqtt::Qos::at_least_once,
                     .subscription_id = 7});
  talk.connect();
  talk.expect("\x10\x1F\x00\x04MQTT\x05\x2C\x00\x0A\x05\x11\x00\x00\x00\x3C\x00\x01"s + "c" +
              "\x00\x00\x03w/1\x00\x04"s + "gone");
  talk.say("\x20\x03\x00\x00\x00"s);
  talk.expect("\x82\x0B\x00\x01\x02\x0B\x07\x00\x03"s + "a/b\x01");
  talk.say("\x90\x04\x00\x01\x00\x01"s);
  talk.until([&] { return talk.client().ready(); });
}

TEST_CASE("a client that leaves says so and waits for the broker to close") {
  Conversation talk({.client_id = "c", .user_name = {}, .password = {}, .will = {}, .filters = {}});
  talk.connect();
  talk.expect("\x10\x0D\x00\x04MQTT\x04\x02\x00\x00\x00\x01"s + "c");
  talk.say(std::string(kConnack));
  talk.until([&] { return talk.client().ready(); });
  talk.client().leave();
  talk.expect("\xE0\x00"s);
  CHECK_FALSE(talk.was_closed());
  talk.hang_up();
  talk.until([&] { return talk.was_closed(); });
}

TEST_CASE("a client that is cut resets the connection, and can connect again with nothing left of the old one") {
  Conversation talk({.client_id = "c", .user_name = {}, .password = {}, .will = {}, .filters = {"f"}});
  const std::string connect = "\x10\x0D\x00\x04MQTT\x04\x02\x00\x00\x00\x01"s + "c";
  const std::string subscribe = "\x82\x06\x00\x01\x00\x01"s + "f" + "\x00"s;
  talk.connect();
  talk.expect(connect);
  talk.say(std::string(kConnack));
  talk.expect(subscribe);
  talk.say("\x90\x03\x00"s);  // half a SUBACK
  talk.client().cut();
  CHECK(talk.end() == ECONNRESET);
  CHECK_FALSE(talk.was_closed());

  talk.connect();
  talk.expect(connect);
  talk.say(std::string(kConnack));
  talk.expect(subscribe);
  talk.say("\x90\x03\x00\x01\x00"s);
  talk.until([&] { return talk.client().ready(); });

  talk.client().cut();
  talk.connect();
  talk.expect(connect);
  talk.say("\x20\x02\x01\x00"s);  // the session is present: no need to subscribe
  talk.until([&] { return talk.client().ready(); });
}

TEST_CASE("a client gives what it repeats a Packet Identifier each time, and refuses an acknowledgement of nothing") {
  Conversation talk({.client_id = "c", .user_name = {}, .password = {}, .will = {}, .filters = {}});
  talk.connect();
  talk.expect("\x10\x0D\x00\x04MQTT\x04\x02\x00\x00\x00\x01"s + "c");
  talk.say(std::string(kConnack));
  talk.until([&] { return talk.client().ready(); });
  const RepeatedPublish packet(mqtt::Version::v3_1_1, {.qos = mqtt::Qos::at_least_once}, {"t", {}, "ab"});
  for (const char letter : {'X', 'Y'}) *talk.client().publish(packet).payload = letter;
  talk.client().flush();
  talk.expect("\x32\x07\x00\x01t\x00\x01Xb"s + "\x32\x07\x00\x01t\x00\x02Yb"s);
  talk.say("\x40\x02\x00\x01"s);
  talk.until([&] { return talk.client().unacknowledged() == 1; });
  talk.say("\x40\x02\x00\x01"s);  // once more
  talk.until([&] { return talk.was_closed(); });
}
