#include <array>
#include <chrono>
#include <doctest/doctest.h>

#include "core/auth/password_hash.h"
#include "tests/support/client.h"
#include "tests/support/text_file.h"

// Who may log in, by what a running broker says: password_file, anonymous clients, use_username_as_clientid.
namespace bramble::testing {
namespace {

constexpr unsigned kNotAuthorized = 0x87;

Connack answer_to(const Broker& broker, const Connect& connect) {
  RawClient client(broker.port());
  return try_connect(client, connect);
}

Connect as(const std::string& user, const std::string& password, Version version = Version::v5) {
  return Connect{.version = version, .client_id = unique_name("login"), .user_name = user, .password = password};
}

}  // namespace

TEST_CASE("password_file: the right password is let in, a wrong one and an unknown user are not") {
  const TextFile users(password_line("anna", "secret") + password_line("ben", ""));
  Broker broker("password_file " + users.path() + "\nlistener_allow_anonymous false");
  for (const Version version : kAllVersions) {
    CAPTURE(static_cast<int>(version));
    const unsigned refused = version == Version::v5 ? kNotAuthorized : 5;
    for (int twice = 0; twice < 2; ++twice) {  // the second time it is remembered
      CHECK(answer_to(broker, as("anna", "secret", version)).code == 0);
      CHECK(answer_to(broker, as("ben", "", version)).code == 0);
      CHECK(answer_to(broker, as("anna", "Secret", version)).code == refused);
      CHECK(answer_to(broker, as("anna", "", version)).code == refused);
      CHECK(answer_to(broker, as("carl", "secret", version)).code == refused);
      CHECK(answer_to(broker, as("", "", version)).code == refused);
    }
    CHECK(answer_to(broker, Connect{.version = version, .client_id = "nobody"}).code == refused);
  }
}

TEST_CASE("password_file with allow_anonymous true: who gives no name is let in, who gives one has to prove it") {
  const TextFile users(password_line("anna", "secret"));
  Broker broker("password_file " + users.path());
  CHECK(answer_to(broker, Connect{.client_id = "nobody"}).code == 0);
  CHECK(answer_to(broker, as("anna", "secret")).code == 0);
  CHECK(answer_to(broker, as("anna", "wrong")).code == kNotAuthorized);
  CHECK(answer_to(broker, as("", "x")).code == 0);  // an empty name is none
  broker.reconfigure("allow_anonymous false\npassword_file " + users.path());
  CHECK(answer_to(broker, as("", "x")).code == kNotAuthorized);
}

TEST_CASE("what a client sends behind its CONNECT waits while its password is checked") {
  const TextFile users(password_line("anna", "secret"));
  Broker broker("password_file " + users.path());
  Client subscriber(broker);
  subscriber.subscribe("early", 1);
  RawClient client(broker.port());
  client.send(encode(as("anna", "secret")) +
              encode(Version::v5, Publish{.topic = "early", .payload = "bird", .qos = 1, .packet_id = 7}));
  CHECK(parse_connack(Version::v5, client.read_packet()).code == 0);
  CHECK(subscriber.take().payload == "bird");
}

TEST_CASE("a client that hangs up while its password is checked leaves nothing, and what it sent is not published") {
  const TextFile users(password_line("anna", "secret"));
  Broker broker("password_file " + users.path());
  Client subscriber(broker);
  subscriber.subscribe("early", 1);
  for (int i = 0; i < 50; ++i) {
    RawClient client(broker.port());
    client.send(encode(as("anna", "wrong" + std::to_string(i))) +
                encode(Version::v5, Publish{.topic = "early", .payload = "bird", .qos = 1, .packet_id = 7}));
  }
  CHECK(answer_to(broker, as("anna", "secret")).code == 0);
  CHECK(subscriber.drain().empty());
}

TEST_CASE("password_rate: an address that has passwords checked too often is told to come later; right ones go on") {
  const TextFile users(password_line("anna", "secret"));
  Broker broker("password_file " + users.path() + "\npassword_rate 1");
  CHECK(answer_to(broker, as("anna", "secret")).code == 0);
  int later = 0;
  for (int i = 0; i < 20; ++i) later += answer_to(broker, as("anna", "wrong")).code == 0x9F ? 1 : 0;
  CHECK(later >= 5);
  CHECK(later <= 11);  // ten seconds' worth at once, and one a second since
  CHECK(answer_to(broker, as("anna", "wrong", Version::v3_1_1)).code == 3);
  CHECK(answer_to(broker, as("anna", "secret")).code == 0);
}

TEST_CASE("who tries many passwords does not keep other addresses waiting for theirs") {
  constexpr std::array<unsigned char, 16> kSalt{1, 2, 3};
  const auto slow = PasswordHash::argon2id("secret", kSalt, {.memory_kib = 8 * 1024, .passes = 3});
  const TextFile users("anna:" + slow.text() + "\n");
  Broker broker("enable_proxy_protocol 1\npassword_rate 0\npassword_file " + users.path());
  const auto from = [&](const std::string& address, const std::string& password) {
    RawClient client(broker.port());
    const Connect hello{.client_id = unique_name("guess"), .user_name = "anna", .password = password};
    client.send("PROXY TCP4 " + address + " 10.0.0.9 4000 1883\r\n" + encode(hello));
    return client;
  };
  std::vector<RawClient> guesses;
  for (int i = 0; i < 60; ++i) guesses.push_back(from("10.0.0.1", "guess" + std::to_string(i)));
  const auto begin = std::chrono::steady_clock::now();
  CHECK(parse_connack(Version::v5, from("10.0.0.2", "secret").read_packet()).code == 0);
  const auto waited = std::chrono::steady_clock::now() - begin;
  for (RawClient& guess : guesses) CHECK(parse_connack(Version::v5, guess.read_packet()).code == kNotAuthorized);
  CHECK(waited * 3 < std::chrono::steady_clock::now() - begin);
}

TEST_CASE("use_username_as_clientid: one user has one session, and without a user there is none") {
  const TextFile users(password_line("anna", "secret"));
  Broker broker("password_file " + users.path() + "\nuse_username_as_clientid true");
  Client first(broker, as("anna", "secret"));
  Client second(broker, as("anna", "secret"));
  first.expect_disconnect(0x8E);
  CHECK(answer_to(broker, Connect{.client_id = "nobody"}).code == kNotAuthorized);
}

TEST_CASE("clientid_prefixes: only client ids that begin like this connect") {
  Broker broker("clientid_prefixes home-");
  CHECK(answer_to(broker, Connect{.client_id = "home-1"}).code == 0);
  CHECK(answer_to(broker, Connect{.client_id = "street-1"}).code == kNotAuthorized);
}

TEST_CASE("clientid_prefixes: a client id that was made up has to begin so too") {
  for (const Version version : {Version::v3_1_1, Version::v5}) {
    CHECK(answer_to(Broker("clientid_prefixes secret-"), Connect{.version = version, .client_id = ""}).code != 0);
    Broker broker("clientid_prefixes secret-\nauto_id_prefix secret-");
    CHECK(answer_to(broker, Connect{.version = version, .client_id = ""}).code == 0);
  }
}

TEST_CASE("clientid_prefixes with use_username_as_clientid: both ids have to begin so") {
  Broker broker("clientid_prefixes home-\nuse_username_as_clientid true");
  const auto code = [&](const char* id, const char* user) {
    return answer_to(broker, Connect{.client_id = id, .user_name = user}).code;
  };
  CHECK(code("home-1", "home-2") == 0);
  CHECK(code("street-1", "home-2") == kNotAuthorized);
  CHECK(code("home-1", "anna") == kNotAuthorized);
  CHECK(code("", "home-2") == kNotAuthorized);
}

TEST_CASE("use_username_as_clientid: an empty client id is refused where it would be without") {
  const auto code = [](const std::string& options, const Connect& connect) {
    return answer_to(Broker("use_username_as_clientid true\n" + options), connect).code;
  };
  const Connect v5{.client_id = "", .user_name = "anna"};
  CHECK(code("", v5) == 0);
  CHECK(code("allow_zero_length_clientid false", v5) == 0x85);
  CHECK(code("", Connect{.client_id = "", .user_name = ""}) == kNotAuthorized);
  CHECK(code("", Connect{.client_id = "a", .user_name = ""}) == kNotAuthorized);
  const auto older = [](Version version, bool clean) {
    return Connect{.version = version, .client_id = "", .clean_start = clean, .user_name = "anna"};
  };
  CHECK(code("", older(Version::v3_1_1, true)) == 0);
  CHECK(code("", older(Version::v3_1_1, false)) == 2);
  CHECK(code("", older(Version::v3_1, true)) == 2);
}

TEST_CASE("global_max_clients counts kept sessions; who has one already may come back") {
  Broker broker("global_max_clients 2");
  { Client kept(broker, persistent(Version::v5, "kept")); }
  Client second(broker, Connect{.client_id = "second"});
  CHECK(answer_to(broker, Connect{.client_id = "third"}).code == 0x97);
  CHECK(answer_to(broker, persistent(Version::v5, "kept")).code == 0);
}

TEST_CASE("global_max_connections: no more are taken from all listeners together") {
  Broker broker("global_max_connections 2");
  std::vector<RawClient> clients;
  int served = 0;
  for (int tries = 0; tries < 50 && served < 2; ++tries) {  // whoever looked whether it listens may still be counted
    RawClient client(broker.port());
    client.send(encode(Connect{.client_id = unique_name("client")}));
    if (!client.read_packet_or_close()) continue;
    clients.push_back(std::move(client));
    ++served;
  }
  CHECK(served == 2);
  RawClient third(broker.port());
  third.send(encode(Connect{.client_id = "third"}));
  CHECK_FALSE(third.read_packet_or_close().has_value());
}

TEST_CASE("mount_point: a listener's clients live in a part of the topics that they take for the whole") {
  Broker broker("mount_point flat7/");
  Client publisher(broker), subscriber(broker);
  subscriber.subscribe("lamp", 1);
  subscriber.subscribe("$share/group/pump", 1);
  publisher.publish({.topic = "lamp", .payload = "on", .qos = 1});
  const Message lamp = subscriber.take();
  CHECK(lamp.topic == "lamp");
  CHECK(lamp.payload == "on");
  publisher.publish({.topic = "pump", .payload = "off", .qos = 0});
  CHECK(subscriber.take().topic == "pump");
  CHECK(subscriber.unsubscribe({"lamp"}) == std::vector<std::uint8_t>{0});
  publisher.publish({.topic = "kept", .payload = std::string(8192, 'x'), .qos = 1, .retain = true});
  subscriber.subscribe("#", 1);
  CHECK(subscriber.take().topic == "kept");
  Client(broker).subscribe("$SYS/#");  // it is not below the mount point, and so not there
}

TEST_CASE("mount_point: a session that was kept below another mount point is not gone on with") {
  const TextFile unique("");
  const std::string path = unique.path() + ".sock";
  Broker broker("mount_point flat7/\nlistener 0 " + path + "\nmount_point flat8/");
  Connect hello = persistent(Version::v5, "moves");
  Client(broker, hello).subscribe("lamp", 1);
  Client publisher(broker);
  publisher.publish({.topic = "lamp", .qos = 1});
  {
    RawClient elsewhere(path);
    CHECK_FALSE(try_connect(elsewhere, hello).session_present);
    publisher.publish({.topic = "lamp", .qos = 1});
    elsewhere.expect_nothing();
  }
  Client(broker, hello).subscribe("lamp", 1);
  CHECK(Client(broker, hello).connack().session_present);
  broker.reconfigure("mount_point flat9/");
  CHECK_FALSE(Client(broker, hello).connack().session_present);
  CHECK(Client(broker, hello).connack().session_present);
}

}  // namespace bramble::testing
