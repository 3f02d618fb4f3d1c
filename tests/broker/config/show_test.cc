#include "broker/config/show.h"

#include <doctest/doctest.h>
#include <filesystem>
#include <fstream>
#include <unistd.h>

#include "broker/config/command_line.h"

using namespace bramble;

namespace {

Config read(std::string_view text, const std::vector<std::uint16_t>& ports = {}) {
  auto config = make_config(split_config(text, "b.conf"), ports);
  REQUIRE_MESSAGE(config.has_value(), config.error());
  return std::move(*config);
}

bool contains(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

/// Its words with one blank between, of the line that begins with `option`, below the line that begins with `title`.
std::string row(const std::string& shown, const std::string& title, const std::string& option) {
  std::size_t at = shown.find("\n" + title);
  REQUIRE_MESSAGE(at != std::string::npos, title);
  at = shown.find("\n  " + option + " ", at);
  REQUIRE_MESSAGE(at != std::string::npos, option);
  std::string line;
  for (const char letter : shown.substr(at + 3, shown.find('\n', at + 1) - at - 3)) {
    if (letter != ' ' || line.back() != ' ') line += letter;
  }
  return line;
}

/// What is said of the listener at this line of b.conf.
std::string security_of(std::string_view text, int line) {
  const std::string shown = show_security(read(text));
  const auto at = shown.find("(b.conf:" + std::to_string(line) + ")\n");
  REQUIRE(at != std::string::npos);
  return shown.substr(at, shown.find("\n\n", at) - at);
}

}  // namespace

TEST_CASE("every option is shown with its value, and with the line that counts or that it is the default") {
  const std::string shown =
      show_options(read("max_packet_size 4000\nmax_packet_size 5000\npersistence_file x.db\n"
                        "listener 1883 127.0.0.1\nmaximum_qos 1\nallow_anonymous false\n"));
  CHECK(row(shown, "the whole broker", "max_packet_size") == "max_packet_size 5000 b.conf:2");
  CHECK(row(shown, "the whole broker", "max_queued_messages") == "max_queued_messages 1000 default");
  CHECK(row(shown, "the whole broker", "persistence_file") == "persistence_file x.db b.conf:3");
  CHECK(row(shown, "the whole broker", "pid_file") == "pid_file - default");
  CHECK(row(shown, "port 1883 of 127.0.0.1 (b.conf:4)", "port") == "port 1883 b.conf:4");
  CHECK(row(shown, "port 1883", "bind_address") == "bind_address 127.0.0.1 b.conf:4");
  CHECK(row(shown, "port 1883", "max_qos") == "max_qos 1 b.conf:5");
  CHECK(row(shown, "port 1883", "allow_anonymous") == "allow_anonymous false b.conf:6");
  for (const auto& each : kBrokerOptions) row(shown, "the whole broker", std::string(each.name));
  for (const auto& each : kStoreOptions) row(shown, "the whole broker", std::string(each.name));
  for (const auto& each : kListenerOptions) row(shown, "port 1883", std::string(each.name));
  for (const auto& each : kTlsOptions) row(shown, "port 1883", std::string(each.name));
  for (const auto& each : kAuthOptions) row(shown, "port 1883", std::string(each.name));
}

TEST_CASE("an option that adds up names all of its lines") {
  const std::string shown = show_options(read("log_dest stderr\nlog_dest topic\nlistener 1883\n"));
  CHECK(row(shown, "the whole broker", "log_dest") == "log_dest stderr, topic b.conf:1, b.conf:2");
}

TEST_CASE("options of two listeners have lines of their own, and those of who may log in count for both") {
  const std::string shown = show_options(
      read("listener 1001\nmax_qos 0\nallow_anonymous true\nlistener 1002\nlistener_allow_anonymous false\n"));
  CHECK(row(shown, "port 1001", "max_qos") == "max_qos 0 b.conf:2");
  CHECK(row(shown, "port 1002", "max_qos") == "max_qos 2 default");
  CHECK(row(shown, "port 1001", "allow_anonymous") == "allow_anonymous true b.conf:3");
  CHECK(row(shown, "port 1002", "allow_anonymous") == "allow_anonymous false b.conf:5");
}

TEST_CASE("with per_listener_settings the options of who may log in have the line of their listener") {
  const std::string shown =
      show_options(read("per_listener_settings true\nlistener 1001\nallow_anonymous true\nlistener 1002\n"));
  CHECK(row(shown, "port 1001", "allow_anonymous") == "allow_anonymous true b.conf:3");
  CHECK(row(shown, "port 1002", "allow_anonymous") == "allow_anonymous false default");
}

TEST_CASE("options before any listener are those of the default listener, with their lines") {
  const std::string shown = show_options(read("port 1990\nmax_connections 7\n"));
  CHECK(row(shown, "port 1990", "port") == "port 1990 b.conf:1");
  CHECK(row(shown, "port 1990", "max_connections") == "max_connections 7 b.conf:2");
}

TEST_CASE("what the command line asks for is shown as the flag that did") {
  CommandLine command_line;
  command_line.ports = {1999};
  command_line.quiet = command_line.verbose = true;
  const auto config = load_config(command_line);
  REQUIRE(config.has_value());
  const std::string shown = show_options(*config);
  CHECK(row(shown, "port 1999", "port") == "port 1999 -p");
  CHECK(row(shown, "the whole broker", "log_dest") == "log_dest none -q");
  CHECK(contains(row(shown, "the whole broker", "log_type"), " -v"));
  CHECK(shown.find("port 1999 of ::1") == std::string::npos);  // as the one of 127.0.0.1
}

TEST_CASE("a listener on all addresses without TLS that lets anonymous clients in is warned of") {
  const std::string shown = security_of("listener 1883\nallow_anonymous true\n", 1);
  CHECK(contains(shown, "other machines too"));
  CHECK(contains(shown, "everyone, with any user name or none"));
  CHECK(contains(shown, "Warning: not encrypted"));
  CHECK(contains(shown, "Warning: anonymous access"));
  CHECK(contains(shown, "Warning: no acl_file"));
}

TEST_CASE("loopback is this machine only, however it is written") {
  for (const char* const address : {"127.0.0.1", "127.3.2.1", "::1", "localhost", "::ffff:127.0.0.1"}) {
    CAPTURE(address);
    const std::string shown = security_of("allow_anonymous true\nlistener 1883 " + std::string(address) + "\n", 2);
    CHECK(contains(shown, "this machine only"));
    CHECK_FALSE(contains(shown, "not encrypted"));
    CHECK_FALSE(contains(shown, "anonymous access"));
  }
  for (const char* const address : {"0.0.0.0", "::", "192.168.1.4", "fe80::1", "broker.example.org", "127.1"}) {
    CAPTURE(address);
    const std::string shown = security_of("allow_anonymous true\nlistener 1883 " + std::string(address) + "\n", 2);
    CHECK(contains(shown, "other machines too"));
    CHECK(contains(shown, "not encrypted"));
  }
}

TEST_CASE("users of a password file, and whether anonymous clients may come in too") {
  CHECK(contains(security_of("password_file /pw\nlistener 1883\n", 2), "users of /pw with their password\n"));
  CHECK(contains(security_of("password_file /pw\nallow_anonymous true\nlistener 1883\n", 3),
                 "users of /pw with their password, and everyone without a user name"));
  CHECK(contains(security_of("listener 1883\n", 1), "nobody: allow_anonymous false, and no password_file"));
}

TEST_CASE("an acl_file with user names that nobody checks is warned of") {
  const std::string unchecked = "Warning: user names are not checked";
  CHECK(contains(security_of("allow_anonymous true\nacl_file /acl\nlistener 1883\n", 3), unchecked));
  const std::string checked = security_of("password_file /pw\nacl_file /acl\nlistener 1883\n", 3);
  CHECK_FALSE(contains(checked, unchecked));
  CHECK(contains(checked, "what /acl allows"));
  CHECK_FALSE(contains(checked, "no acl_file"));
}

TEST_CASE("certificates and keys: who has to show one, and who is the user then") {
  const std::string tls = "listener 8883\ncertfile /c\nkeyfile /k\n";
  CHECK(contains(security_of(tls, 1), "TLS 1.2 and 1.3, certificate /c\n"));
  CHECK_FALSE(contains(security_of(tls, 1), "not encrypted"));
  const std::string asked = security_of(tls + "cafile /ca\nrequire_certificate true\npassword_file /pw\n", 1);
  CHECK(contains(asked, "users of /pw with their password, and a certificate that /ca vouches for"));
  CHECK(contains(asked, "crlfile"));
  const std::string by_name =
      security_of(tls + "cafile /ca\nrequire_certificate true\nuse_identity_as_username true\n", 1);
  CHECK(contains(by_name, "clients with a certificate that /ca vouches for; the user is its name"));
  const std::string by_key =
      security_of("listener 8883\npsk_hint hint\npsk_file /psk\nuse_identity_as_username 1\n", 1);
  CHECK(contains(by_key, "TLS 1.2 and 1.3 by pre-shared keys"));
  CHECK(contains(by_key, "clients with a key of /psk"));
}

TEST_CASE("a PROXY header that anybody may send is warned of, and a proxy on this machine is not") {
  const std::string proxied = "enable_proxy_protocol 2\nuse_identity_as_username true\n";
  CHECK(contains(security_of("listener 1883\n" + proxied, 1), "who reaches it can be any user"));
  CHECK_FALSE(contains(security_of("listener 1883 127.0.0.1\n" + proxied, 1), "who reaches it can be any user"));
  CHECK(contains(security_of("listener 1883\nenable_proxy_protocol 1\n", 1), "client addresses can be made up"));
  CHECK(contains(security_of("listener 9001\nprotocol websockets\ntrusted_proxies 10.0.0.1\n", 1),
                 "X-Forwarded-For is believed from 10.0.0.1"));
}

TEST_CASE("a WebSocket for any page and a Unix socket for every account are warned of") {
  const std::string web = "allow_anonymous true\nlistener 9001 127.0.0.1\nprotocol websockets\n";
  CHECK(contains(security_of(web, 2), "any web page"));
  CHECK_FALSE(contains(security_of(web + "websockets_origin https://a.example\n", 2), "any web page"));
  CHECK(contains(security_of("listener 0 /s\nunix_socket_mode 666\n", 1), "every account of this machine"));
  CHECK_FALSE(contains(security_of("listener 0 /s\n", 1), "every account of this machine"));
}

TEST_CASE("what has no limit in the whole broker is warned of") {
  const std::string shown =
      show_security(read("max_packet_size 0\nmax_queued_messages 0\npassword_rate 0\nlistener 1883\n"));
  for (const char* const part : {"max_packet_size 0", "max_queued_messages 0", "password_rate 0"}) {
    CHECK(contains(shown, "Warning: " + std::string(part)));
  }
  CHECK(contains(show_security(read("")), "the whole broker\n  no warning\n"));
}

TEST_CASE("a file of secrets that everyone may read, or that is not there, is warned of") {
  std::string name = (std::filesystem::temp_directory_path() / "bramble-show-XXXXXX").string();
  const int file = ::mkstemp(name.data());
  REQUIRE(file >= 0);
  ::close(file);
  const std::string text = "listener 1883\npassword_file " + name + "\n";
  CHECK_FALSE(contains(show_security(read(text)), name + " can be read"));
  std::filesystem::permissions(name, std::filesystem::perms(0644));
  CHECK(contains(show_security(read(text)), name + " can be read by every account"));
  std::filesystem::remove(name);
  CHECK(contains(show_security(read(text)), name + " is not there"));
}

TEST_CASE("where Mosquitto differs is told of what the file has, and of defaults that are not the same") {
  const std::string shown =
      show_differences(read("threads 2\npersistence true\nlistener 1883\n"
                            "protocol websockets\nmax_qos 1\n"));
  CHECK(contains(shown, "b.conf:1: threads: Bramble's own"));
  CHECK(contains(shown, "b.conf:2: persistence: Mosquitto writes"));
  CHECK(contains(shown, "b.conf:4: protocol: Mosquitto 1.x and 2.0 need libwebsockets"));
  CHECK(contains(shown, "allow_anonymous (not given): Mosquitto 1.x lets everyone in"));
  CHECK(contains(shown, "max_packet_size (not given): no limit in Mosquitto 1.x and 2.0"));
  CHECK_FALSE(contains(shown, "max_qos"));
  CHECK_FALSE(contains(shown, "listener: none is given"));
}

TEST_CASE("without a listener the differences are those of a broker for this machine only") {
  const std::string shown = show_differences(read("allow_anonymous false\npersistence false\nmax_packet_size 100\n"));
  CHECK(contains(shown, "listener: none is given: Mosquitto 1.x serves every machine"));
  CHECK(contains(shown, "b.conf:1: allow_anonymous: Mosquitto from 2.0 to 2.0.20"));
  CHECK_FALSE(contains(shown, "persistence:"));
  CHECK_FALSE(contains(shown, "max_packet_size"));
}

TEST_CASE("a second certificate is Bramble's own, and the first is not") {
  const std::string one = "listener 8883\ncertfile /a\nkeyfile /k\n";
  CHECK_FALSE(contains(show_differences(read(one)), "certfile"));
  CHECK(contains(show_differences(read(one + "certfile /b\nkeyfile /l\n")),
                 "b.conf:2, b.conf:4: certfile: several of one listener are Bramble's own"));
}
