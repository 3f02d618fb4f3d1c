#include <doctest/doctest.h>

#include "tests/broker/config/read_config.h"

using namespace bramble::testing;
using bramble::Config;

TEST_CASE("Mosquitto's own plugins for a password file and an acl file mean password_file and acl_file") {
  const Config config = must_read(
      "listener 1\nplugin /usr/lib/x86_64-linux-gnu/mosquitto_password_file.so\nplugin_opt_password_file /p\n"
      "global_plugin /usr/lib/mosquitto_acl_file.so\nplugin_opt_acl_file /a\n");
  CHECK(config.listeners.at(0).auth.password_file == "/p");
  CHECK(config.listeners.at(0).auth.acl_file == "/a");
  CHECK(contains(error_of("plugin mosquitto_password_file.so\nplugin_opt_other 1\n"), "b.conf:2: plugin_opt_other: "));
}

TEST_CASE("a plugin of another name, or one that names no file, is refused") {
  for (const char* const name : {"/opt/mosquitto_acl_file_evil.so", "mosquitto_acl_file.so.1", "mosquitto_acl_file"}) {
    CHECK(contains(error_of("plugin " + std::string(name) + "\nplugin_opt_acl_file /a\n"), "b.conf:1: plugin: "));
  }
  CHECK(
      error_of("plugin /x/mosquitto_acl_file.so\nlistener 1\n") ==
      "b.conf:1: plugin: has no file to go by, so nothing would be checked: write `plugin_opt_acl_file FILE` below it");
  CHECK(contains(error_of("plugin mosquitto_password_file.so\nplugin mosquitto_acl_file.so\nplugin_opt_acl_file /a\n"),
                 "b.conf:1: plugin: has no file"));
}

TEST_CASE("per_listener_settings: a global_plugin is for every listener, wherever it stands") {
  const std::string own = "per_listener_settings true\n";
  const std::string plugin = "global_plugin /usr/lib/mosquitto_acl_file.so\nplugin_opt_acl_file /a\n";
  for (const std::string& text :
       {own + plugin + "listener 1\nlistener 2\n", own + "listener 1\n" + plugin + "listener 2\n"}) {
    const Config config = must_read(text);
    REQUIRE(config.listeners.size() == 2);
    for (const auto& listener : config.listeners) CHECK(listener.auth.acl_file == "/a");
  }
  CHECK(contains(error_of(own + plugin + "listener 1\nacl_file /b\n"),
                 "b.conf:5: acl_file: given for every listener at b.conf:3, too"));
  CHECK(contains(error_of(plugin + own + "listener 1\n"), "per_listener_settings: stands below"));
  CHECK(contains(error_of(own + "plugin mosquitto_acl_file.so\nplugin_opt_acl_file /a\nlistener 1\n"),
                 "b.conf:3: plugin_opt_acl_file: stands before any listener"));
}

TEST_CASE("use_identity_as_username without require_certificate starts, as in Mosquitto, and nobody can log in") {
  const std::string text = "listener 1\nallow_anonymous true\ncertfile c\nkeyfile k\n";
  for (const char* const option : {"use_identity_as_username true\n", "use_subject_as_username true\n"}) {
    const Config config = must_read(text + option);
    REQUIRE(config.warnings.size() == 1);
    CHECK(contains(config.warnings[0], "nobody can log in on port 1"));
    CHECK(must_read(text + option + "cafile a\nrequire_certificate true\n").warnings.empty());
  }
}

TEST_CASE("bridges come later, and their options are checked now") {
  CHECK(contains(error_of("connection c\naddress a\ntopic # both\n"), "b.conf:1: connection: bridges come later"));
  CHECK(contains(error_of("connection c\nkeepalive_interval 1\n"),
                 "b.conf:2: keepalive_interval: 1 is not a whole number from 5 to 65535"));
  CHECK(contains(error_of("connection c\nstart_type manual\n"), "manual is none of automatic lazy once"));
  CHECK(contains(error_of("topic a\n"), "stands before any `connection`"));
}

TEST_CASE("per_listener_settings: who may log in belongs to the listener above it") {
  const Config config = must_read(
      "per_listener_settings true\nlistener 1\nallow_anonymous true\nlistener 2\npassword_file /p\nacl_file /a\n");
  CHECK(config.listeners.at(0).auth.allow_anonymous == true);
  CHECK(config.listeners[0].auth.password_file.empty());
  CHECK(config.listeners[0].auth.acl_file.empty());
  CHECK(config.listeners[1].auth.allow_anonymous == false);
  CHECK(config.listeners[1].auth.password_file == "/p");
  CHECK(config.listeners[1].auth.acl_file == "/a");
}

TEST_CASE("per_listener_settings stands above what it is about, and what belongs to no listener is an error") {
  CHECK(contains(error_of("allow_anonymous true\nper_listener_settings true\nlistener 1\n"),
                 "b.conf:2: per_listener_settings: stands below an option that it is about, at b.conf:1"));
  CHECK(contains(error_of("per_listener_settings true\npassword_file /p\nlistener 1\n"),
                 "b.conf:2: password_file: stands before any listener"));
}

TEST_CASE("without per_listener_settings who may log in is the same everywhere, wherever it stands") {
  const Config config = must_read("listener 1\nlistener 2\npassword_file /p\nacl_file /a\n");
  CHECK(config.listeners.at(0).auth.password_file == "/p");
  CHECK(config.listeners.at(0).auth.acl_file == "/a");
}

TEST_CASE("what would protect less than it says stops the start") {
  const auto wrong = [](const char* lines, const char* what) {
    CAPTURE(lines);
    CHECK(contains(error_of(std::string("listener 1\nallow_anonymous true\n") + lines + "\n"), what));
  };
  wrong("certfile c", "b.conf:3: certfile: needs a keyfile for each certfile");
  wrong("keyfile k", "needs a certfile for each keyfile");
  wrong("cafile c", "b.conf:3: cafile: needs certfile and keyfile");
  wrong("require_certificate true", "needs certfile and keyfile");
  wrong("certfile c\nkeyfile k\nrequire_certificate true", "needs cafile or capath");
  wrong("use_identity_as_username true", "needs certfile, keyfile and require_certificate true, or psk_hint");
  wrong("use_subject_as_username true", "needs certfile, keyfile and require_certificate true");
  wrong("psk_hint h", "needs psk_file");
  wrong("proxy_protocol_v2_require_tls true", "needs enable_proxy_protocol 2");
  wrong("websockets_origin o", "needs protocol websockets");
  wrong("tls_version tlsv1.1", "is not safe any more");
}
