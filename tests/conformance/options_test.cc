#include <csignal>
#include <cstdlib>
#include <doctest/doctest.h>
#include <filesystem>
#include <fstream>
#include <poll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/client.h"

// Options of mosquitto.conf by what they do to a running broker, as mosquitto.conf(5) has it, where no section of the
// standard speaks of them.
namespace bramble::testing {
namespace {

/// A session with a subscription whose client has gone.
void leave_session(const Broker& broker, const std::string& id, unsigned qos) {
  Client client(broker, persistent(Version::v3_1_1, id));
  client.subscribe(id, qos);
  client.drop();
}

std::vector<std::string> payloads(const std::vector<Message>& messages) {
  std::vector<std::string> texts;
  for (const Message& message : messages) texts.push_back(message.payload);
  return texts;
}

std::vector<std::string> waiting_for(const Broker& broker, const std::string& id) {
  return payloads(Client(broker, persistent(Version::v3_1_1, id)).drain());
}

/// Connects as soon as it is let in: a place is free a moment after the broker's end of a connection is closed.
RawClient connect_when_free(const Broker& broker) {
  for (int tries = 0; tries < 1000; ++tries) {
    RawClient client(broker.port());
    client.send(encode(Connect{.client_id = unique_name("client")}));
    if (const std::optional<RawPacket> connack = client.read_packet_or_close()) {
      CHECK(parse_connack(Version::v5, *connack).code == 0);
      return client;
    }
  }
  fail_at(Where::current(), "no place becomes free");
}

using Texts = std::vector<std::string>;

}  // namespace

TEST_CASE("max_queued_messages and max_queued_bytes: what comes after the first of them is reached is dropped") {
  for (const char* limits :
       {"max_queued_messages 2", "max_queued_bytes 20", "max_queued_messages 2\nmax_queued_bytes 90",
        "max_queued_messages 9\nmax_queued_bytes 20"}) {
    CAPTURE(std::string(limits));
    Broker broker(limits);
    leave_session(broker, "away", 1);
    Client publisher(broker);
    for (const char* payload : {"the first.", "the second", "the third."}) {
      publisher.publish({.topic = "away", .payload = payload, .qos = 1});
    }
    CHECK(waiting_for(broker, "away") == Texts{"the first.", "the second"});
  }
}

TEST_CASE("max_queued_bytes counts what waits: what does not fit is dropped, what is smaller and comes later is not") {
  Broker broker("max_queued_bytes 20");
  leave_session(broker, "away", 1);
  Client publisher(broker);
  for (const char* payload : {"the first.", "more than ten", "small"}) {
    publisher.publish({.topic = "away", .payload = payload, .qos = 1});
  }
  CHECK(waiting_for(broker, "away") == Texts{"the first.", "small"});
}

TEST_CASE("max_inflight_bytes: a message that would exceed it waits for acknowledgements; one alone always goes") {
  Broker broker("max_inflight_bytes 20");
  for (const Version version : kSince311) {
    Client subscriber(broker, version);
    Client publisher(broker);
    subscriber.subscribe("bytes", 2);
    for (const unsigned qos : {1u, 2u}) {
      for (const char* payload : {"the first.", "the second", "3", "above twenty bytes alone", "5"}) {
        publisher.publish({.topic = "bytes", .payload = payload, .qos = qos});
      }
      std::vector<Message> messages = subscriber.drain();
      CHECK(payloads(messages) == Texts{"the first.", "the second"});
      subscriber.acknowledge(messages[0]);
      const Message third = subscriber.receive();
      CHECK(third.payload == "3");
      subscriber.acknowledge(messages[1]);
      subscriber.expect_nothing();
      subscriber.acknowledge(third);
      const Message alone = subscriber.receive();
      CHECK(alone.payload == "above twenty bytes alone");
      subscriber.expect_nothing();
      subscriber.acknowledge(alone);
      CHECK(subscriber.take().payload == "5");
    }
  }
}

TEST_CASE("upgrade_outgoing_qos: a message goes out at the QoS of the subscription, however it was published") {
  Broker broker("upgrade_outgoing_qos true");
  Client publisher(broker);
  Client subscriber(broker);
  for (const unsigned granted : {0u, 1u, 2u}) {
    subscriber.subscribe("upgraded", granted);
    for (const unsigned published : {0u, 1u, 2u}) {
      publisher.publish({.topic = "upgraded", .qos = published});
      CHECK(subscriber.take().qos == granted);
    }
  }
  publisher.publish({.topic = "upgraded/retained", .payload = "kept", .retain = true});
  subscriber.subscribe("upgraded/retained", 1);
  CHECK(subscriber.take().qos == 1);
}

TEST_CASE("queue_qos0_messages: QoS 0 messages wait for a client that is away, in order and within the limit") {
  Broker broker("queue_qos0_messages true\nmax_queued_messages 3");
  for (const unsigned granted : {0u, 1u}) {
    CAPTURE(granted);
    leave_session(broker, "away", granted);
    Client publisher(broker);
    for (unsigned i = 0; i < 4; ++i) publisher.publish({.topic = "away", .payload = std::to_string(i), .qos = i % 2});
    Client back(broker, persistent(Version::v3_1_1, "away"));
    for (unsigned i = 0; i < 3; ++i) {
      const Message message = back.take();
      CHECK(message.payload == std::to_string(i));
      CHECK(message.qos == std::min(i % 2, granted));
    }
    back.expect_nothing();
  }
}

TEST_CASE("[MQTT-4.6.0-6] queue_qos0_messages: what comes live does not overtake what was queued") {
  Broker broker("queue_qos0_messages true");
  leave_session(broker, "away", 1);
  Client publisher(broker);
  for (const unsigned qos : {1u, 1u, 0u}) publisher.publish({.topic = "away", .payload = "queued", .qos = qos});
  Connect connect = persistent(Version::v5, "away");
  connect.properties += property(Prop::receive_maximum, 1);
  Client back(broker, connect);
  const Message first = back.receive();
  publisher.publish({.topic = "away", .payload = "live"});
  back.acknowledge(first);
  CHECK(back.take().payload == "queued");
  CHECK(back.take().payload == "queued");
  CHECK(back.take().payload == "live");
}

TEST_CASE("queue_qos0_messages: retained messages wait for room, and no limit of the queue cuts them off") {
  Broker broker("queue_qos0_messages true\nmax_queued_messages 10");
  Client publisher(broker);
  for (int i = 0; i < 50; ++i) {
    publisher.publish({.topic = "kept/" + std::to_string(i), .payload = "kept", .qos = 1, .retain = true});
  }
  leave_session(broker, "away", 1);
  for (int i = 0; i < 3; ++i) publisher.publish({.topic = "away", .payload = "queued", .qos = 1});
  Connect connect = persistent(Version::v5, "away");
  connect.properties += property(Prop::receive_maximum, 1);
  Client back(broker, connect);
  const Message first = back.receive();
  back.subscribe("kept/#", 0);
  back.acknowledge(first);
  std::size_t queued = 1, kept = 0;
  while (queued + kept < 53) {
    const Message message = back.take();
    queued += message.payload == "queued";
    kept += message.payload == "kept" && message.retain;
  }
  CHECK(queued == 3);
  CHECK(kept == 50);
  back.expect_nothing();
}

TEST_CASE("accept_protocol_versions: each version that is not named is refused as the standard has it") {
  if (!shared_broker().is_bramble()) return;  // mosquitto knows the option since 2.1
  for (const Version accepted : kAllVersions) {
    const char* const numbers[] = {"3", "4", "5"};
    const std::size_t number = accepted == Version::v3_1 ? 0 : accepted == Version::v3_1_1 ? 1 : 2;
    Broker broker(std::string("accept_protocol_versions ") + numbers[number]);
    for (const Version version : kAllVersions) {
      CAPTURE(accepted);
      CAPTURE(version);
      RawClient client(broker.port());
      const Connack connack = try_connect(client, {.version = version, .client_id = "client"});
      CHECK(connack.code == (version == accepted ? 0x00 : version == Version::v5 ? 0x84 : 0x01));
      if (version != accepted) client.expect_close();
    }
  }
}

TEST_CASE("max_topic_alias: so many aliases a client may set up, and no more") {
  Broker broker("max_topic_alias 3");
  Client client(broker);
  CHECK(client.connack().properties.number(Prop::topic_alias_maximum) == 3);
  client.subscribe("aliased");
  client.publish({.topic = "aliased", .properties = property(Prop::topic_alias, 3)});
  CHECK(client.receive().topic == "aliased");
  client.publish({.payload = "by alias", .properties = property(Prop::topic_alias, 3)});
  CHECK(client.receive().payload == "by alias");
  client.send(encode(Version::v5, Publish{.topic = "aliased", .properties = property(Prop::topic_alias, 4)}));
  client.expect_disconnect(0x94);
}

TEST_CASE("max_topic_alias_broker: so many aliases the broker sets up towards a client that allows more") {
  if (!shared_broker().is_bramble()) return;  // mosquitto knows the option since 2.1
  for (const std::uint32_t maximum : {0u, 2u}) {
    CAPTURE(maximum);
    Broker broker("max_topic_alias_broker " + std::to_string(maximum));
    Client subscriber(broker, Connect{.properties = property(Prop::topic_alias_maximum, 10)});
    Client publisher(broker);
    subscriber.subscribe("alias/+");
    for (std::uint32_t i = 1; i <= 3; ++i) {
      const std::string topic = "alias/" + std::to_string(i);
      for (int times = 0; times < 2; ++times) {
        publisher.publish({.topic = topic});
        const Message message = subscriber.receive();
        CHECK(message.properties.number(Prop::topic_alias).value_or(0) == (i <= maximum ? i : 0));
        CHECK(message.topic == (i <= maximum && times == 1 ? "" : topic));
      }
    }
  }
}

TEST_CASE("max_connections: one more is closed unanswered, until somebody has gone") {
  Broker broker("max_connections 2");
  RawClient first = connect_when_free(broker);
  RawClient second = connect_when_free(broker);
  RawClient third(broker.port());
  third.expect_close();
  second.drop();
  connect_when_free(broker).ping();
  first.ping();
}

TEST_CASE("max_connections 0 is no limit, as in Mosquitto") {
  Broker broker("max_connections 0");
  const Client one(broker), another(broker);
  CHECK(another.connack().code == 0);
}

TEST_CASE("max_connections: whoever hangs up before it is served, or moves to its session's reactor, leaves no trace") {
  Broker broker("max_connections 20\nthreads 4");
  std::vector<std::string> ids;
  for (int i = 0; i < 10; ++i) ids.push_back(unique_name("comes and goes"));
  for (int round = 0; round < 20; ++round) {
    std::vector<RawClient> hasty;
    {
      const Stopped stopped(broker);  // so that they are gone before they are let in
      for (const std::string& id : ids) {
        hasty.emplace_back(broker.port());
        hasty.back().send(encode(Connect{.version = Version::v3_1_1, .client_id = id, .clean_start = false}));
        if (round % 2 == 0) hasty.back().send("E0 00"_hex);
        hasty.back().close();
      }
    }
    connect_when_free(broker).ping();
  }
  std::vector<RawClient> stay;
  for (int i = 0; i < 20; ++i) stay.push_back(connect_when_free(broker));
  RawClient beyond(broker.port());
  beyond.expect_close();
  for (RawClient& client : stay) client.ping();
}

TEST_CASE("max_keepalive: a client that is given a shorter Keep Alive than it asked for is held to it") {
  Broker broker("max_keepalive 1");
  Client client(broker, Connect{.keep_alive = 600});
  CHECK(client.connack().properties.number(Prop::server_keep_alive) == 1);
  client.expect_disconnect(0x8D);
}

TEST_CASE("message_size_limit: a larger message is acknowledged and goes nowhere; one of that size arrives") {
  Broker broker("message_size_limit 100");
  for (const Version version : kSince311) {
    CAPTURE(version);
    Client client(broker, version);
    client.subscribe("limited", 2);
    for (const unsigned qos : {0u, 1u, 2u}) {
      if (version == Version::v3_1_1 || qos == 0) {  // with MQTT 5 the acknowledgement says why
        client.publish({.topic = "limited", .payload = std::string(101, 'x'), .qos = qos, .retain = true});
      }
      client.publish({.topic = "limited", .payload = std::string(100, 'x'), .qos = qos});
      CHECK(client.take().payload.size() == 100);
    }
    client.subscribe("limited", 2);
    client.expect_nothing();
  }
}

TEST_CASE("auto_id_prefix: client ids that are made up begin with it") {
  Broker broker("auto_id_prefix room-");
  RawClient client(broker.port());
  const Connack connack = try_connect(client, {});
  CHECK(connack.properties.text(Prop::assigned_client_identifier).value_or("").find("room-") == 0);
}

TEST_CASE("persistent_client_expiration: a limit of 1000 years keeps sessions") {
  Broker broker("persistent_client_expiration 1000y");
  for (const Version version : kSince311) {
    const std::string id = unique_name("kept");
    Client(broker, persistent(version, id)).drop();
    let_pass(std::chrono::milliseconds(50));  // a session that has ended goes with the next tick
    CHECK(Client(broker, persistent(version, id)).connack().session_present);
  }
}

TEST_CASE("sys_interval 0: there are no $SYS topics") {
  Broker broker("sys_interval 0");
  Client client(broker);
  client.subscribe("$SYS/#");
  client.expect_nothing();
  Client usual(shared_broker());
  usual.subscribe("$SYS/#");
  CHECK(usual.drain().size() > 0);
}

namespace {

/// A folder where a process will write a file when it is ready.
class Folder {
 public:
  Folder() = default;
  Folder(const Folder&) = delete;
  ~Folder() { std::filesystem::remove_all(path_); }
  const std::string& path() const { return path_; }

 private:
  static std::string make() {
    std::string pattern = (std::filesystem::temp_directory_path() / "bramble-daemon-XXXXXX").string();
    return ::mkdtemp(pattern.data());
  }
  std::string path_ = make();
};

/// The exit status of `binary -c FILE -d`.
int start_daemon(const std::string& config_file) {
  const char* const given = std::getenv("BRAMBLE_BIN");
  const char* const binary = given ? given : BRAMBLE_BINARY;
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::execl(binary, binary, "-c", config_file.c_str(), "-d", nullptr);
    ::_exit(127);
  }
  int status = 0;
  ::waitpid(pid, &status, 0);
  return status;
}

/// A process that is no child of ours; killed at the end, should it still be there.
class Daemon {
 public:
  explicit Daemon(pid_t pid) : pid_(pid), watch_(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))) {}
  Daemon(const Daemon&) = delete;
  ~Daemon() {
    ::syscall(SYS_pidfd_send_signal, watch_, SIGKILL, nullptr, 0);
    ::close(watch_);
  }
  pid_t pid() const { return pid_; }
  bool ends_on_sigterm() const {
    ::syscall(SYS_pidfd_send_signal, watch_, SIGTERM, nullptr, 0);
    pollfd ended{watch_, POLLIN, 0};
    return ::poll(&ended, 1, kPatienceMs) == 1;
  }

 private:
  pid_t pid_;
  int watch_;
};

}  // namespace

TEST_CASE("-d: what was started ends well, and a process of its own session serves, with its id in pid_file") {
  Folder folder;
  const std::string pid_file = folder.path() + "/pid";
  Broker broker("pid_file " + pid_file);
  Client(broker).ping();  // it listens before it writes the file, and serves after
  CHECK(std::filesystem::exists(pid_file));
  broker.stop();
  CHECK_FALSE(std::filesystem::exists(pid_file));
  CHECK(start_daemon(broker.folder() + "/bramble.conf") == 0);
  pid_t pid = 0;
  std::ifstream(pid_file) >> pid;
  REQUIRE(pid > 0);
  const Daemon daemon(pid);
  CHECK(::getsid(pid) == pid);
  for (const char* standard : {"0", "1", "2"}) {
    CHECK(std::filesystem::read_symlink("/proc/" + std::to_string(pid) + "/fd/" + standard) == "/dev/null");
  }
  Client(broker).ping();
  CHECK(daemon.ends_on_sigterm());
  CHECK_FALSE(std::filesystem::exists(pid_file));
}

}  // namespace bramble::testing
