#include <chrono>
#include <doctest/doctest.h>
#include <memory>
#include <string>
#include <vector>

#include "tests/support/client.h"

// Limits of our own, which protect the broker and its clients from one of them.
namespace bramble::testing {
namespace {

using mqtt::PacketType;
using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

std::string many(Version version, const std::string& topic, int count, std::size_t payload = 4) {
  std::string bytes;
  for (int i = 0; i < count; ++i)
    bytes += encode(version, Publish{.topic = topic, .payload = std::string(payload, 'x')});
  return bytes;
}

unsigned code_of(const Broker& broker, const Connect& connect) {
  RawClient client(broker.port());
  return try_connect(client, connect).code;
}

/// Seconds until `count` messages to `subscriber` have come.
double time_of(Client& subscriber, int count) {
  const auto start = Clock::now();
  for (int i = 0; i < count; ++i) subscriber.receive();
  return seconds_since(start);
}

/// Tries again while there is no place.
bool comes_in(const Broker& broker) {
  const auto start = Clock::now();
  while (seconds_since(start) < 5) {
    RawClient client(broker.port());
    client.send(encode(Connect{.client_id = unique_name("in")}));
    if (client.read_packet_or_close()) return true;
    let_pass(std::chrono::milliseconds(10));
  }
  return false;
}

}  // namespace

TEST_CASE("max_publish_rate: who sends more is read more slowly, loses nothing and stays; others are as fast as ever") {
  const Broker broker("max_publish_rate 100");
  Client subscriber(broker), publisher(broker), other(broker);
  subscriber.subscribe("much");
  publisher.send(many(publisher.version(), "much", 180));  // 100 of the first second, 80 more
  for (int i = 0; i < 10; ++i) CHECK(other.publish({.topic = "else", .qos = 1}) < 0x80);
  const double time = time_of(subscriber, 180);
  CHECK(time > 0.7);
  CHECK(time < 5);
  publisher.ping();
  broker.wait_for_log("publishes too fast and is read more slowly. (max_publish_rate");
  CHECK(broker.log().find(other.id() + " [") == std::string::npos);
}

TEST_CASE("max_publish_bytes_rate counts bytes, and lets a message through that is larger than what a second brings") {
  const Broker broker("max_publish_bytes_rate 10000");
  Client subscriber(broker), publisher(broker);
  subscriber.subscribe("much");
  publisher.send(many(publisher.version(), "much", 1, 20'000) + many(publisher.version(), "much", 1));
  CHECK(subscriber.receive().payload.size() == 20'000);
  const double time = time_of(subscriber, 1);
  CHECK(time > 0.8);  // 10,000 bytes were owed
  CHECK(time < 5);
}

TEST_CASE("who may publish no more now still receives, and can be taken over at once") {
  const Broker broker("max_publish_rate 1");
  Client publisher(broker, persistent(Version::v5, "eager")), other(broker);
  publisher.subscribe("for/it");
  publisher.send(many(Version::v5, "much", 500));
  other.publish({.topic = "for/it", .payload = "news", .qos = 1});
  CHECK(publisher.receive().payload == "news");
  Client again(broker, persistent(Version::v5, "eager"));
  CHECK(again.connack().session_present);
}

TEST_CASE(
    "[MQTT-3.14.4-3] who sent more than it may, said DISCONNECT and comes back leaves no Will, however much there "
    "was") {
  const Broker broker("max_publish_rate 1");
  for (const Version version : kSince311) {
    for (const int count : {100, 40'000}) {  // in the broker's socket; in its own as well, and FIN behind it
      CAPTURE(version);
      CAPTURE(count);
      Client watcher(broker);
      Connect connect = persistent(version, unique_name("eager"));
      connect.will = Will{.topic = connect.client_id, .payload = "gone"};
      watcher.subscribe(connect.client_id);
      Client publisher(broker, connect);
      publisher.send(many(version, "much", count, 20) + "E0 00"_hex);
      publisher.close();
      Client again(broker, connect);
      CHECK(again.connack().session_present);
      watcher.expect_nothing();
    }
  }
}

TEST_CASE("who sent more than it may, hung up without a word and comes back leaves a Will") {
  const Broker broker("max_publish_rate 1");
  Client watcher(broker);
  watcher.subscribe("will");
  Connect connect = persistent(Version::v5, "eager");
  connect.will = Will{.topic = "will", .payload = "gone"};
  Client publisher(broker, connect);
  publisher.send(many(Version::v5, "much", 40'000, 20));
  publisher.close();
  Client again(broker, connect);
  CHECK(watcher.receive().payload == "gone");
}

TEST_CASE(
    "[MQTT-3.1.4-3] who is taken over while it may publish no more is told so, and its PUBLISH that wait are lost") {
  const Broker broker("max_publish_rate 1");
  Client subscriber(broker), old(broker, persistent(Version::v5, "eager"));
  subscriber.subscribe("much");
  old.send(many(Version::v5, "much", 100));
  subscriber.receive();
  Client now(broker, persistent(Version::v5, "eager"));
  old.expect_disconnect(0x8E);
  subscriber.expect_nothing();
}

TEST_CASE("who sent more than it may and hung up keeps nobody's place (max_connections), however much there was") {
  for (const std::string& bye : {""_hex, "E0 00"_hex}) {
    Broker broker("max_publish_rate 1");
    Client publisher(broker), other(broker);
    broker.reconfigure("max_publish_rate 1\nmax_connections 2");  // the fixture's own connection has gone by now
    publisher.send(many(publisher.version(), "much", 40'000, 20) + bye);
    publisher.close();
    CHECK(comes_in(broker));
  }
}

TEST_CASE("who sends more than it may and is still there loses nothing while others find no place") {
  Broker broker("max_publish_rate 20000");
  Client subscriber(broker), publisher(broker);
  broker.reconfigure("max_publish_rate 20000\nmax_connections 2");
  subscriber.subscribe("much");
  publisher.send(many(publisher.version(), "much", 40'000, 20));
  for (int i = 0; i < 20; ++i) {
    RawClient other(broker.port());
    other.expect_close();
  }
  for (int i = 0; i < 40'000; ++i) REQUIRE(subscriber.receive().payload.size() == 20);
  publisher.ping();
}

TEST_CASE("what was acknowledged to one who sends more than it may is not lost when it hangs up and comes back") {
  const Broker broker("max_publish_rate 20");
  Client subscriber(broker), publisher(broker, persistent(Version::v5, "eager"));
  subscriber.subscribe("much", 1);
  std::string bytes;
  for (unsigned id = 1; id <= 60; ++id) {
    bytes += encode(Version::v5, Publish{.topic = "much", .payload = std::to_string(id), .qos = 1, .packet_id = id});
  }
  publisher.send(bytes);
  for (unsigned id = 1; id <= 25; ++id) CHECK(publisher.receive_ack(PacketType::puback).packet_id == id);
  publisher.close();
  Client again(broker, persistent(Version::v5, "eager"));
  for (int id = 1; id <= 25; ++id) CHECK(subscriber.take().payload == std::to_string(id));
}

TEST_CASE(
    "[MQTT-3.1.2-22] Keep Alive is not held against one whose packets wait for what it may publish, or for memory") {
  Broker broker("max_publish_rate 1");
  Client subscriber(broker), publisher(broker, Connect{.keep_alive = 1});
  subscriber.subscribe("much");
  publisher.send(many(publisher.version(), "much", 4) + "C0 00"_hex);
  CHECK(time_of(subscriber, 4) > 1.6);  // so those after the first waited longer than one and a half Keep Alive
  publisher.expect("D0 00"_hex);
  publisher.send(many(publisher.version(), "much", 2));
  broker.reconfigure("memory_limit 1000");
  let_pass(std::chrono::milliseconds(1700));
  broker.reconfigure("");
  time_of(subscriber, 2);
  publisher.ping();
}

TEST_CASE("SIGHUP changes how much a client that is there may publish") {
  Broker broker("max_publish_rate 1");
  Client subscriber(broker), publisher(broker);
  subscriber.subscribe("much");
  publisher.send(many(publisher.version(), "much", 500));
  subscriber.receive();
  broker.reconfigure("");
  CHECK(time_of(subscriber, 499) < 5);
}

TEST_CASE("max_connection_rate: an address that connects too often finds its connections closed") {
  const Broker broker("max_connection_rate 1");
  std::vector<std::unique_ptr<Client>> ten;                                // what ten seconds bring
  while (ten.size() < 9) ten.push_back(std::make_unique<Client>(broker));  // one was the fixture's
  RawClient another(broker.port());
  another.expect_close();
  broker.wait_for_log("denied: max_connection_rate exceeded. (It is 1.)");
  ten.front()->ping();
}

TEST_CASE("max_connection_rate behind a proxy goes by the address that the proxy tells") {
  const Broker broker("enable_proxy_protocol 1\nmax_connection_rate 1");
  const auto connect = [&](const std::string& address) {
    RawClient client(broker.port());
    client.send("PROXY TCP4 " + address + " 127.0.0.1 1000 1883\r\n");
    return try_connect(client, Connect{.client_id = unique_name("c")}).code;
  };
  for (int i = 0; i < 10; ++i) CHECK(connect("10.0.0.1") == 0);
  CHECK(connect("10.0.0.1") == 0x9F);
  CHECK(connect("10.0.0.2") == 0);
}

TEST_CASE(
    "max_takeovers: a client id that is taken over again and again stays with who is there, and the log names both") {
  const Broker broker("max_takeovers 3");
  const Connect twin{.client_id = "twin"};
  std::vector<std::unique_ptr<Client>> twins;
  for (int i = 0; i < 4; ++i) twins.push_back(std::make_unique<Client>(broker, twin));
  for (int i = 0; i < 5; ++i) CHECK(code_of(broker, twin) == 0x89);
  CHECK(code_of(broker, Connect{.version = Version::v3_1_1, .client_id = "twin"}) == 3);
  twins.back()->ping();
  broker.wait_for_log("Client id twin is taken over again and again, now from 127.0.0.1:");
  broker.wait_for_log("the one that is there, from 127.0.0.1:");
  twins.back()->disconnect();  // and with nobody there anybody may come
  CHECK(code_of(broker, twin) == 0);
  CHECK(code_of(broker, Connect{.client_id = "another"}) == 0);
}

TEST_CASE("max_subscriptions: one more is refused in SUBACK, replacing one is not, and leaving one makes room") {
  const Broker broker("max_subscriptions 2");
  Client client(broker);
  CHECK(client.subscribe({{"a", 0}, {"b", 1}, {"c", 1}}) == std::vector<std::uint8_t>{0, 1, 0x97});
  CHECK(client.subscribe({{"a", 1}, {"$share/g/a", 0}}) == std::vector<std::uint8_t>{1, 0x97});
  client.unsubscribe({"a"});
  CHECK(client.subscribe({{"c", 1}, {"d", 0}}) == std::vector<std::uint8_t>{1, 0x97});
  Client old(broker, Version::v3_1_1);
  CHECK(old.subscribe({{"a", 0}, {"b", 0}, {"c", 0}}) == std::vector<std::uint8_t>{0, 0, 0x80});
  broker.wait_for_log("is refused a subscription to c. (max_subscriptions)");
}

TEST_CASE("max_filter_levels: a filter with more is refused, whatever its group") {
  const Broker broker("max_filter_levels 3");
  Client client(broker);
  CHECK(client.subscribe({{"a/+/#", 0}, {"a/b/c/d", 0}, {"$share/g/a/b/c", 0}, {"//", 0}, {"///", 0}}) ==
        std::vector<std::uint8_t>{0, 0x97, 0, 0, 0x97});
}

TEST_CASE("memory_limit: nothing new is taken and publishers wait, and all goes on when there is memory again") {
  Broker broker;
  Client subscriber(broker), publisher(broker, Version::v3_1_1);
  subscriber.subscribe("topic");
  broker.reconfigure("memory_limit 1000");
  CHECK(code_of(broker, Connect{.client_id = "new"}) == 0x97);
  CHECK(subscriber.subscribe({{"another", 0}, {"topic", 1}}) == std::vector<std::uint8_t>{0x97, 1});
  publisher.send(many(publisher.version(), "topic", 3));
  subscriber.expect_nothing();
  broker.wait_for_log("of memory_limit 0 MB: publishers are not read");
  broker.reconfigure("");
  for (int i = 0; i < 3; ++i) subscriber.receive();
  publisher.ping();
  CHECK(code_of(broker, Connect{.client_id = "new"}) == 0);
}

TEST_CASE("memory_limit: a PUBLISH that removes a retained message goes through, since that frees memory") {
  for (const Version version : kSince311) {
    Broker broker;
    Client publisher(broker, version), subscriber(broker);
    subscriber.subscribe("lamp");
    publisher.publish({.topic = "lamp", .payload = "on", .qos = 1, .retain = true});
    subscriber.receive();
    broker.reconfigure("memory_limit 1000");
    publisher.publish({.topic = "lamp", .qos = 1, .retain = true});
    CHECK(subscriber.receive().payload.empty());
    publisher.send(encode(version, Publish{.topic = "lamp", .retain = true}));  // nothing is there any more
    subscriber.expect_nothing();
    broker.reconfigure("");
    subscriber.receive();
  }
}

TEST_CASE("memory_limit: who keeps much of a packet that is not whole is disconnected; others stay") {
  Broker broker;
  Client sender(broker), other(broker);
  RawClient stranger(broker.port());
  const std::string much(300'000, 'x');
  const auto begin = [](char type, std::string_view body) {
    return std::string{type, '\xa0', '\xc2', '\x1e'} + std::string(body);
  };
  sender.send(begin('\x30', std::string("\0\1t", 3) + much));
  stranger.send(begin('\x10', std::string("\0\4MQTT\5\2\0\0\0", 11) + much));
  other.send(begin('\x30', std::string("\0\1t", 3) + much.substr(0, 1'000)));
  broker.reconfigure("memory_limit 1000");
  stranger.expect_close();
  sender.expect_disconnect(0x97);
  broker.wait_for_log("memory is short (memory_limit), and its CONNECT is long");
  broker.wait_for_log("memory is short (memory_limit), and it keeps much of a packet that is not whole");
  CHECK(broker.log().find(other.id() + " [") == std::string::npos);
}

TEST_CASE("a CONNECT of more than 512 KiB is not waited for, whatever max_packet_size allows") {
  const Broker broker("max_packet_size 0");
  RawClient stranger(broker.port());
  stranger.send(std::string("\x10\x81\x80\x20", 4));  // a fixed header, of 524,289 bytes to come
  stranger.expect_close();
  RawClient large(broker.port());
  const std::string most(65'535, 'x');
  const Will will{.topic = most.substr(0, 65'000), .payload = most};
  CHECK(try_connect(large,
                    {.version = Version::v3_1_1, .client_id = most, .will = will, .user_name = most, .password = most})
            .code == 0);
}

TEST_CASE("memory_limit: who does not read what waits for it is disconnected, and its session stays") {
  Broker broker("max_output_bytes 1000000");
  Client deaf(broker, persistent(Version::v5, "deaf")), publisher(broker);
  deaf.shrink_receive_buffer(4096);
  deaf.subscribe("topic", 0);
  for (int i = 0; i < 100; ++i) publisher.publish({.topic = "topic", .payload = std::string(100'000, 'x')});
  broker.reconfigure("memory_limit 1000");
  broker.wait_for_log("disconnected: memory is short (memory_limit)");
  publisher.ping();
  Client again(broker, persistent(Version::v5, "deaf"));
  CHECK(again.connack().session_present);
}

}  // namespace bramble::testing
