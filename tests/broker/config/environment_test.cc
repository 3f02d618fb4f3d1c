#include "broker/config/environment.h"

#include <doctest/doctest.h>

#include "tests/broker/config/read_config.h"

namespace bramble::testing {
namespace {

constexpr const char* kOpen = "listener 1883\nallow_anonymous true\n";

EnvironmentLines lines_of(std::vector<const char*> variables) {
  variables.push_back(nullptr);
  return environment_lines(variables.data());
}

OrMessage<Config> read_with(std::vector<const char*> variables, std::string_view file) {
  EnvironmentLines environment = lines_of(std::move(variables));
  std::vector<std::string> warnings = std::move(environment.warnings);
  auto config = make_config(with_environment(split_config(file, "b.conf"), std::move(environment.lines), warnings));
  if (config) std::ranges::move(warnings, std::back_inserter(config->warnings));
  return config;
}

Config must_read_with(std::vector<const char*> variables, std::string_view file) {
  auto config = read_with(std::move(variables), file);
  REQUIRE_MESSAGE(config.has_value(), config.error());
  return std::move(*config);
}

std::string error_with(std::vector<const char*> variables, std::string_view file = "listener 1883\n") {
  const auto config = read_with(std::move(variables), file);
  return config ? "" : config.error();
}

}  // namespace

TEST_CASE("BRAMBLE_OPTION is a line of that option, with the variable as its place") {
  const auto found =
      lines_of({"PATH=/bin", "BRAMBLE_MAX_QUEUED_MESSAGES= 500 ", "BRAMBLE_CIPHERS_TLS1_3=x", "BRAMBLE_LOG_TYPE=a=b"});
  REQUIRE(found.lines.size() == 3);
  CHECK(found.lines[0].name == "ciphers_tls1.3");
  CHECK(found.lines[1].name == "log_type");
  CHECK(found.lines[1].value == "a=b");
  CHECK(found.lines[2].name == "max_queued_messages");
  CHECK(found.lines[2].value == "500");
  CHECK(found.lines[2].where == "BRAMBLE_MAX_QUEUED_MESSAGES");
  CHECK(found.warnings.empty());
}

TEST_CASE("a variable sets an option of the broker, and --test-config names it as the origin") {
  const Config config = must_read_with({"BRAMBLE_MAX_QUEUED_MESSAGES=500"}, kOpen);
  CHECK(config.broker.max_queued_messages == 500);
  CHECK(config.origins.at("max_queued_messages") == "BRAMBLE_MAX_QUEUED_MESSAGES");
  CHECK(config.warnings.empty());
}

TEST_CASE("an unknown variable is an error that names it and what was probably meant") {
  CHECK(error_with({"BRAMBLE_MAX_QEUED_MESSAGES=500"}) ==
        "BRAMBLE_MAX_QEUED_MESSAGES: max_qeued_messages: no such option; did you mean max_queued_messages?");
  CHECK(error_with({"BRAMBLE_NONSENSE=1"}) == "BRAMBLE_NONSENSE: nonsense: no such option");
  CHECK(error_with({"BRAMBLE_=1"}) == "BRAMBLE_: BRAMBLE_: no such option");
}

TEST_CASE("names are in capitals") {
  CHECK(contains(error_with({"BRAMBLE_max_qos=1"}), "BRAMBLE_max_qos: no such option"));
}

TEST_CASE("a value that is wrong, empty or more than a line is an error") {
  CHECK(error_with({"BRAMBLE_MAX_INFLIGHT_MESSAGES=many"})
            .starts_with("BRAMBLE_MAX_INFLIGHT_MESSAGES: max_inflight_messages: many "));
  CHECK(error_with({"BRAMBLE_LOG_TYPE="}) == "BRAMBLE_LOG_TYPE: log_type: needs a value behind it");
  CHECK(error_with({"BRAMBLE_ACL_FILE=/a\nallow_anonymous true"}) ==
        "BRAMBLE_ACL_FILE: holds the byte 0x0A: take it out");
}

TEST_CASE("a variable takes the place of what the file says of the same option, and says so") {
  const char* const file =
      "max_queued_messages 100\nlog_type error\npersistence_location /a\nlistener 1883\nlog_type warning\n";
  const Config config = must_read_with(
      {"BRAMBLE_MAX_QUEUED_MESSAGES=500", "BRAMBLE_LOG_TYPE=notice", "BRAMBLE_PERSISTENCE_LOCATION=/b"}, file);
  CHECK(config.broker.max_queued_messages == 500);
  CHECK(show_log_type(config.broker) == "notice");
  CHECK(config.store.persistence_location == "/b");
  CHECK(warns(config, "b.conf:1: max_queued_messages: not used: BRAMBLE_MAX_QUEUED_MESSAGES takes its place"));
  CHECK(warns(config, "b.conf:2: log_type: not used: BRAMBLE_LOG_TYPE takes its place"));
  CHECK(warns(config, "b.conf:5: log_type: not used: BRAMBLE_LOG_TYPE takes its place"));
  CHECK(warns(config, "b.conf:3: persistence_location: not used"));
}

TEST_CASE("other names of an option are the same option") {
  const Config config = must_read_with({"BRAMBLE_PERSISTENCE=true"}, "retained_persistence false\nlistener 1883\n");
  CHECK(config.store.persistence);
  CHECK(warns(config, "b.conf:1: retained_persistence: not used: BRAMBLE_PERSISTENCE takes its place"));
}

TEST_CASE("an option of a listener in the environment is for the default listener, not for those of the file") {
  const Config config = must_read_with({"BRAMBLE_MAX_CONNECTIONS=7"}, "port 1884\nlistener 1885\nmax_connections 9\n");
  REQUIRE(config.listeners.size() == 2);
  CHECK(config.listeners[0].port == 1885);
  CHECK(config.listeners[0].max_connections == 9);
  CHECK(config.listeners[1].port == 1884);
  CHECK(config.listeners[1].max_connections == 7);
}

TEST_CASE("a listener in one file makes no other file's options its own: a variable wins over those") {
  auto lines = split_config("listener 1885\nallow_anonymous true\n", "b.conf");
  std::ranges::move(split_config("max_connections 9\nport 1884\n", "d/more.conf", 1), std::back_inserter(lines));
  std::vector<std::string> warnings;
  const auto config = make_config(with_environment(lines, lines_of({"BRAMBLE_MAX_CONNECTIONS=7"}).lines, warnings));
  REQUIRE_MESSAGE(config.has_value(), config.error());
  REQUIRE(config->listeners.size() == 2);
  CHECK(config->listeners[0].max_connections == -1);
  CHECK(config->listeners[1].max_connections == 7);
  CHECK(warnings ==
        std::vector<std::string>{"d/more.conf:1: max_connections: not used: BRAMBLE_MAX_CONNECTIONS takes its place"});
}

TEST_CASE("a listener's own word on anonymous clients counts over the variable, and is warned of") {
  const char* const file = "listener 1883\nlistener_allow_anonymous true\npassword_file users\n";
  const Config config = must_read_with({"BRAMBLE_ALLOW_ANONYMOUS=false"}, file);
  CHECK(config.listeners[0].auth.allow_anonymous == true);
  CHECK(warns(config, "b.conf:2: listener_allow_anonymous: counts for this listener, over BRAMBLE_ALLOW_ANONYMOUS"));
  CHECK(must_read_with({"BRAMBLE_ALLOW_ANONYMOUS=true"}, file).warnings.empty());
}

TEST_CASE("BRAMBLE_PORT takes the place of `port`") {
  const Config config = must_read_with({"BRAMBLE_PORT=1884"}, "port 1883\nallow_anonymous false\n");
  REQUIRE(config.listeners.size() == 1);
  CHECK(config.listeners[0].port == 1884);
}

TEST_CASE("BRAMBLE_LISTENER opens one more, and what the file says behind it is for the file's") {
  const Config config = must_read_with({"BRAMBLE_LISTENER=1884 127.0.0.1"}, "port 1883\nmax_connections 5\n");
  REQUIRE(config.listeners.size() == 2);
  CHECK(config.listeners[0].port == 1884);
  CHECK(config.listeners[0].bind_address == "127.0.0.1");
  CHECK(config.listeners[0].max_connections == -1);
  CHECK(config.listeners[1].max_connections == 5);
}

TEST_CASE("who may log in by the environment counts for every listener") {
  const Config config =
      must_read_with({"BRAMBLE_ALLOW_ANONYMOUS=true"}, "listener 1883\nallow_anonymous false\nlistener 1884\n");
  CHECK(config.listeners[0].auth.allow_anonymous == true);
  CHECK(config.listeners[1].auth.allow_anonymous == true);
  CHECK(warns(config, "b.conf:2: allow_anonymous: not used: BRAMBLE_ALLOW_ANONYMOUS takes its place"));
}

TEST_CASE("with per_listener_settings it is for the default listener alone, and an error where there is none") {
  const char* const file = "per_listener_settings true\nlistener 1883\nallow_anonymous false\n";
  CHECK(contains(error_with({"BRAMBLE_ALLOW_ANONYMOUS=true"}, file),
                 "BRAMBLE_ALLOW_ANONYMOUS: allow_anonymous: stands before any listener"));
  const Config config = must_read_with({"BRAMBLE_ALLOW_ANONYMOUS=true", "BRAMBLE_PORT=1884"}, file);
  REQUIRE(config.listeners.size() == 2);
  CHECK(config.listeners[0].auth.allow_anonymous == false);
  CHECK(config.listeners[1].auth.allow_anonymous == true);
}

TEST_CASE("per_listener_settings of the environment counts before the first line of the file") {
  const Config config =
      must_read_with({"BRAMBLE_PER_LISTENER_SETTINGS=true"},
                     "per_listener_settings false\nlistener 1883\nallow_anonymous true\nlistener 1884\n");
  CHECK(config.broker.per_listener_settings);
  CHECK(config.listeners[0].auth.allow_anonymous == true);
  CHECK(config.listeners[1].auth.allow_anonymous == false);
}

TEST_CASE("what Kubernetes sets for a service named bramble is told in one line and does nothing") {
  const Config config =
      must_read_with({"BRAMBLE_SERVICE_HOST=10.0.0.7", "BRAMBLE_SERVICE_PORT=1883", "BRAMBLE_SERVICE_PORT_MQTT=1883",
                      "BRAMBLE_PORT=tcp://10.0.0.7:1883", "BRAMBLE_PORT_1883_TCP=tcp://10.0.0.7:1883",
                      "BRAMBLE_PORT_1883_TCP_PROTO=tcp", "BRAMBLE_PORT_1883_TCP_PORT=1883",
                      "BRAMBLE_PORT_1883_TCP_ADDR=10.0.0.7", "BRAMBLE_WS_SERVICE_HOST=10.0.0.8",
                      "BRAMBLE_WS_PORT=tcp://10.0.0.8:9001", "BRAMBLE_WS_PORT_9001_TCP_ADDR=10.0.0.8"},
                     "listener 1885\nallow_anonymous true\n");
  REQUIRE(config.listeners.size() == 1);
  CHECK(config.listeners[0].port == 1885);
  REQUIRE(config.warnings.size() == 1);
  CHECK(config.warnings[0].starts_with("BRAMBLE_SERVICE_HOST, BRAMBLE_SERVICE_PORT, "));
  CHECK(contains(config.warnings[0], "BRAMBLE_WS_PORT_9001_TCP_ADDR: as Kubernetes sets them"));
}

TEST_CASE("what only looks like Kubernetes's is an unknown option") {
  CHECK(contains(error_with({"BRAMBLE_PORT_1883=1"}), "BRAMBLE_PORT_1883: port_1883: no such option"));
  CHECK(contains(error_with({"BRAMBLE_PORTS=1"}), "did you mean port?"));
}

TEST_CASE("bramble-ctl's own variable is not taken for an option") {
  const Config config = must_read_with({"BRAMBLE_PASSWORD=secret"}, kOpen);
  REQUIRE(config.warnings.size() == 1);
  CHECK(config.warnings[0].starts_with("BRAMBLE_PASSWORD: is for bramble-ctl"));
  CHECK_FALSE(contains(config.warnings[0], "secret"));
}

}  // namespace bramble::testing
