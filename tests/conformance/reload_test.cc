#include <array>
#include <csignal>
#include <doctest/doctest.h>
#include <filesystem>
#include <sys/stat.h>

#include "core/auth/password_hash.h"
#include "tests/support/client.h"
#include "tests/support/text_file.h"

// SIGHUP: what is taken over, and who may stay.
namespace bramble::testing {
namespace {

unsigned code_of(const Broker& broker, const Connect& connect) {
  RawClient client(broker.port());
  return try_connect(client, connect).code;
}

bool lives(Client& client) {
  const std::string topic = unique_name("alive");
  client.subscribe(topic, 1);
  client.publish({.topic = topic, .payload = "yes", .qos = 1});
  return client.take().payload == "yes";
}

}  // namespace

TEST_CASE("SIGHUP takes options of new connections over, and nobody is disconnected") {
  Broker broker;
  Client old(broker);
  CHECK(old.connack().code == 0);
  broker.reconfigure("max_qos 1\nmax_packet_size 1000\nmax_inflight_messages 7\nmax_topic_alias 3");
  CHECK(lives(old));
  const Client fresh(broker);
  const Properties& said = fresh.connack().properties;
  CHECK(said.number(Prop::maximum_qos) == 1);
  CHECK(said.number(Prop::maximum_packet_size) == 1000);
  CHECK(said.number(Prop::receive_maximum) == 7);
  CHECK(said.number(Prop::topic_alias_maximum) == 3);
}

TEST_CASE("SIGHUP with a configuration that is wrong changes nothing and says why") {
  Broker broker("max_qos 1");
  Client old(broker);
  for (const char* const wrong : {"max_qos 3", "password_file /nonexistent/users", "certfile /nonexistent\nkeyfile /n",
                                  "max_qos 2\nlistener 1883 192.0.2.300", "nonsense 1"}) {
    CAPTURE(std::string(wrong));
    broker.reconfigure(wrong);
    CHECK(broker.log().find("is not taken; the one before stays. ") != std::string::npos);
    CHECK(lives(old));
    CHECK(Client(broker).connack().properties.number(Prop::maximum_qos) == 1);
  }
}

TEST_CASE("SIGHUP with a log file that cannot be opened takes nothing of the rest either") {
  const std::string path = "/tmp/" + unique_name("socket"), pipe = "/tmp/" + unique_name("pipe");
  REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
  Broker broker("max_qos 1");
  for (const std::string& file : {std::string("/nonexistent/log"), pipe}) {
    CAPTURE(file);
    broker.reconfigure("max_qos 2\nlog_dest stderr\nlog_dest file " + file + "\nlistener 0 " + path);
    CHECK(broker.log().find(file + ": ") != std::string::npos);
    CHECK(broker.log().find("is not taken; the one before stays. ") != std::string::npos);
    CHECK(Client(broker).connack().properties.number(Prop::maximum_qos) == 1);
    CHECK_FALSE(std::filesystem::exists(path));
  }
  std::filesystem::remove(pipe);
}

TEST_CASE("SIGHUP: a password that is being checked by the file before does not let anybody in") {
  constexpr std::array<unsigned char, 16> kSalt{1, 2, 3};
  const auto slow = PasswordHash::argon2id("old", kSalt, {.memory_kib = 64 * 1024, .passes = 5});
  const TextFile users("anna:" + slow.text() + "\n");
  const std::string options = "threads 1\npassword_file " + users.path();
  Broker broker(options);
  RawClient anna(broker.port());
  anna.send(encode(Connect{.client_id = "anna", .user_name = "anna", .password = "old"}));
  RawClient after_her(broker.port());
  after_her.send("nonsense");
  after_her.expect_close();
  users.replace(password_line("anna", "new"));
  broker.reconfigure(options);
  anna.expect_close();
  CHECK(code_of(broker, {.client_id = "anna", .user_name = "anna", .password = "old"}) == 0x87);
  CHECK(code_of(broker, {.client_id = "anna", .user_name = "anna", .password = "new"}) == 0);
}

TEST_CASE("SIGHUP: users whose password has changed or who are gone may not stay; the others may") {
  const TextFile users(password_line("anna", "1") + password_line("ben", "2") + password_line("carl", "3"));
  const std::string options = "password_file " + users.path();
  Broker broker(options);
  const auto as = [](const char* user, const char* password) {
    return Connect{.client_id = user, .user_name = user, .password = password};
  };
  Client anna(broker, as("anna", "1")), ben(broker, as("ben", "2")), carl(broker, as("carl", "3")), nobody(broker);
  users.replace(password_line("anna", "1") + password_line("ben", "new") + password_line("dora", "4"));
  broker.reconfigure(options);
  ben.expect_disconnect(0x87);
  carl.expect_disconnect(0x87);
  CHECK(lives(anna));
  CHECK(lives(nobody));
  CHECK(code_of(broker, as("ben", "2")) == 0x87);
  CHECK(code_of(broker, as("ben", "new")) == 0);
  CHECK(code_of(broker, as("dora", "4")) == 0);
  broker.reconfigure(options + "\nlistener_allow_anonymous false");
  nobody.expect_disconnect(0x87);
  CHECK(lives(anna));
}

TEST_CASE("SIGHUP: who had connected, but not said CONNECT, has to come again if its listener asks for more now") {
  Broker broker("max_qos 1");
  RawClient silent(broker.port());
  const Client behind(broker);  // who came before it is accepted, too
  broker.reconfigure("max_qos 0");
  CHECK(try_connect(silent, Connect{.client_id = "silent"}).code == 0);
  RawClient plain(broker.port());
  const Client behind_it(broker);
  broker.reconfigure("enable_proxy_protocol 1");
  CHECK(try_connect(plain, Connect{.client_id = "plain"}).code == 0x88);
  plain.expect_close();
}

TEST_CASE("SIGHUP: listeners come and go; clients of one that is gone are told and disconnected") {
  Broker broker;
  Client stays(broker);
  const TextFile other("");  // a name that nobody else has
  const std::string path = other.path() + ".sock";
  broker.reconfigure("listener 0 " + path + "\nmax_qos 0");
  CHECK(lives(stays));
  RawClient local(path);
  CHECK(try_connect(local, Connect{.client_id = "local"}).code == 0);
  broker.reconfigure("");
  local.expect_disconnect(0x98);
  CHECK(lives(stays));
  broker.reconfigure("listener 0 " + path);
  RawClient again(path);
  CHECK(try_connect(again, Connect{.client_id = "again"}).code == 0);
}

TEST_CASE("SIGHUP: certificates, keys and rules that are pipes are refused, and nobody waits for them") {
  const std::string pipe = "/tmp/" + unique_name("pipe");
  REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
  Broker broker;
  for (const char* const options : {"acl_file ", "password_file ", "psk_hint x\npsk_file ", "keyfile x\ncertfile "}) {
    CAPTURE(std::string(options));
    broker.reconfigure(options + pipe);
    CHECK(broker.log().find(pipe + ": ") != std::string::npos);
    CHECK(broker.log().find("is not taken; the one before stays. ") != std::string::npos);
  }
  std::filesystem::remove(pipe);
}

TEST_CASE("SIGHUP gives no address its max_connection_rate anew, unless it has changed") {
  const std::string options = "enable_proxy_protocol 1\nmax_connection_rate ";
  Broker broker(options + "1");
  const auto connect = [&] {
    RawClient client(broker.port());
    client.send("PROXY TCP4 10.0.0.1 127.0.0.1 1000 1883\r\n");
    return try_connect(client, Connect{.client_id = unique_name("c")}).code;
  };
  for (int i = 0; i < 10; ++i) CHECK(connect() == 0);
  broker.reconfigure(options + "1\nmax_qos 1");
  CHECK(connect() == 0x9F);
  broker.reconfigure(options + "2");
  CHECK(connect() == 0);
}

TEST_CASE("SIGHUP: what needs a restart is named and keeps its value") {
  Broker broker;
  broker.reconfigure("pid_file /nonexistent/a");
  CHECK(broker.log().find("until the broker is restarted: pid_file.") != std::string::npos);
}

TEST_CASE("watch_files: a password file that changes on disk is read again") {
  const TextFile users(password_line("anna", "1"));
  Broker broker("watch_files true\npassword_file " + users.path());
  CHECK(code_of(broker, {.client_id = "a", .user_name = "anna", .password = "1"}) == 0);
  users.replace(password_line("anna", "2"));
  broker.wait_for_log("The configuration has been read again");
  CHECK(code_of(broker, {.client_id = "a", .user_name = "anna", .password = "2"}) == 0);
  CHECK(code_of(broker, {.client_id = "a", .user_name = "anna", .password = "1"}) == 0x87);
}

TEST_CASE("SIGUSR2 prints who subscribes to what") {
  Broker broker;
  Client client(broker, Connect{.client_id = "reader"});
  client.subscribe("lamp/#", 2);
  client.subscribe("$share/group/pump", 1);
  ::kill(broker.pid(), SIGUSR2);
  broker.wait_for_log("2 subscriptions were printed");
  CHECK(broker.log().find("lamp/# 2 reader\n") != std::string::npos);
  CHECK(broker.log().find("$share/group/pump 1 reader\n") != std::string::npos);
}

}  // namespace bramble::testing
