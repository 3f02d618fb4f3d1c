#include <doctest/doctest.h>

#include "tests/broker/config/read_config.h"

using namespace bramble::testing;
using bramble::Config;

TEST_CASE("port and bind_address configure the default listener, and end the time of loopback only") {
  const Config config = must_read("bind_address 192.0.2.1\nport 1999\nmax_connections 5\n");
  REQUIRE(config.listeners.size() == 1);
  CHECK_FALSE(config.local_only);
  CHECK(config.listeners[0].port == 1999);
  CHECK(config.listeners[0].bind_address == "192.0.2.1");
  CHECK(config.listeners[0].max_connections == 5);
  CHECK(config.listeners[0].auth.allow_anonymous == false);
}

TEST_CASE("max_qos before any listener applies to the default listener, which then opens beside the others") {
  const Config config = must_read("max_qos 1\nlistener 2000\n");
  REQUIRE(config.listeners.size() == 2);
  CHECK(config.listeners[0].port == 2000);
  CHECK(config.listeners[0].max_qos == bramble::mqtt::Qos::exactly_once);
  CHECK(config.listeners[1].port == 1883);
  CHECK(config.listeners[1].max_qos == bramble::mqtt::Qos::at_least_once);
  CHECK(warns(config, "b.conf:1: stands before any listener, so the default listener opens too, on port 1883 of all"));
}

TEST_CASE("an option before any listener opens the default one by another value than it has anyway, as in Mosquitto") {
  for (const char* const line :
       {"max_qos 2", "max_qos 1\nmax_qos 2", "max_connections -1", "protocol mqtt", "use_username_as_clientid false",
        "require_certificate false", "use_identity_as_username false", "use_subject_as_username false",
        "tls_version tlsv1.2", "max_topic_alias 10", "websockets_log_level 3"}) {
    CAPTURE(line);
    CHECK(must_read(std::string(line) + "\nlistener 2000\n").listeners.size() == 1);
    CHECK(must_read(line).local_only);
  }
  for (const char* const line :
       {"max_qos 1", "max_connections 0", "max_connections 3", "protocol websockets", "use_username_as_clientid true",
        "socket_domain ipv4", "bind_interface lo", "certfile c\nkeyfile k", "port 1883", "bind_address 127.0.0.1"}) {
    CAPTURE(line);
    CHECK(must_read(std::string(line) + "\nlistener 2000\n").listeners.size() == 2);
    const Config alone = must_read(line);
    CHECK_FALSE(alone.local_only);
    CHECK(alone.listeners.size() == 1);
    CHECK(alone.listeners.at(0).auth.allow_anonymous == false);
  }
  CHECK(warns(must_read("max_qos 1\n"),
              "b.conf:1: opens the default listener, as there is no `listener` line, on port "
              "1883 of all addresses"));
  CHECK(must_read("bind_interface lo\nlistener 2000\n").listeners.at(1).bind_interface == "lo");
}

TEST_CASE("options that open no listener apply to loopback if there is none") {
  const Config config = must_read("max_topic_alias 3\n");
  CHECK(config.local_only);
  CHECK(config.listeners.size() == 2);
  for (const auto& listener : config.listeners) CHECK(listener.max_topic_alias == 3);
}

TEST_CASE("a listener option that is for no listener is refused, not ignored") {
  for (const char* const line : {"tls_version tlsv1.3", "max_topic_alias_broker 0", "unix_socket_mode 600"}) {
    CAPTURE(line);
    CHECK(
        contains(error_of(std::string(line) + "\nlistener 1883\n"), ": stands before any listener, so it is for none"));
  }
  const Config config = must_read("max_topic_alias 0\nlistener 1883\n");  // Mosquitto takes it, and nobody misses it
  CHECK(warns(config, "b.conf:1: max_topic_alias: stands before any listener, so it is for none"));
}

TEST_CASE("an option below a port that stands below a listener is refused: Mosquitto 2.0 and 2.1 give it to others") {
  CHECK(
      error_of("listener 1\nport 2\nmax_qos 1\nlistener 3\nmax_qos 1\n") ==
      "b.conf:3: max_qos: is for the listener at b.conf:1 in Mosquitto 2.0, and for the default listener in 2.1, as "
      "`port` stands between, at b.conf:2: move `port` above the first `listener`, or write `listener 2` in its place");
  const std::string own = "per_listener_settings true\n";
  for (const char* const line :
       {"certfile c", "max_connections 1", "mount_point x/", "listener_allow_anonymous true"}) {
    CAPTURE(line);
    CHECK(contains(error_of("listener 1\nbind_address ::1\n" + std::string(line) + "\n"),
                   "`bind_address` stands between, at b.conf:2"));
  }
  for (const char* const line : {"allow_anonymous true", "password_file /p", "auto_id_prefix x-",
                                 "plugin mosquitto_acl_file.so\nplugin_opt_acl_file /a"}) {
    CAPTURE(line);
    CHECK(contains(error_of(own + "listener 1\nport 2\n" + line + "\n"), "`port` stands between, at b.conf:3"));
    CHECK(error_of("listener 1\nport 2\n" + std::string(line) + "\n") == "");
  }
  CHECK(error_of("listener 1\nmax_qos 1\nport 2\nbind_address ::1\nthreads 1\nlistener 3\nmax_qos 1\n") == "");
  CHECK(error_of(own + "listener 1\nplugin mosquitto_acl_file.so\nport 2\nplugin_opt_acl_file /a\n") == "");
  CHECK(error_of("port 2\nmax_qos 1\nlistener 1\nmax_qos 0\n") == "");
}

TEST_CASE("mount_point and accept_protocol_versions need a listener above them, as in Mosquitto") {
  for (const char* const line :
       {"mount_point x/\n", "accept_protocol_versions 3\n", "accept_protocol_versions 3,4,5\n"}) {
    CAPTURE(line);
    for (const char* const rest : {"", "listener 1883\n", "max_qos 1\n"}) {
      const std::string error = error_of(line + std::string(rest));
      CHECK(error.starts_with("b.conf:1: "));
      CHECK(contains(error, "below the `listener` line"));
    }
  }
}

TEST_CASE("ports of the command line open loopback only, and count only while no listener is configured") {
  auto config = read("max_topic_alias 3\n", {2001, 2002});
  REQUIRE(config.has_value());
  REQUIRE(config->listeners.size() == 4);
  CHECK(config->local_only);
  CHECK(config->listeners[0].port == 2001);
  CHECK(config->listeners[0].declared_at == "-p 2001");
  CHECK(config->listeners[2].port == 2002);
  CHECK(config->listeners[2].bind_address == "127.0.0.1");
  CHECK(config->listeners[2].max_topic_alias == 3);
  for (const char* const line : {"listener 2003\n", "max_qos 1\n"}) {
    config = read(line, {2001});
    REQUIRE(config.has_value());
    CHECK(config->listeners.size() == 1);
    CHECK(warns(*config, "-p is not used"));
  }
}
