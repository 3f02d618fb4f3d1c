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
                 "b.conf:2: plugin: stands before any listener"));
}

TEST_CASE("per_listener_settings: a plugin is of the listener that it stands below, wherever its option stands") {
  const std::string plugin = "per_listener_settings true\nlistener 1\nplugin /usr/lib/mosquitto_acl_file.so\n";
  const Config config = must_read(plugin + "listener 2\nplugin_opt_acl_file /a\n");
  CHECK(config.listeners.at(0).auth.acl_file == "/a");
  CHECK(config.listeners.at(1).auth.acl_file.empty());
  CHECK(contains(error_of(plugin + "plugin_opt_acl_file /a\nlistener 2\nplugin_opt_acl_file /b\n"),
                 "b.conf:6: plugin_opt_acl_file: given at b.conf:4 too"));
}

TEST_CASE("an option of a plugin needs the plugin above it in its own file, as in Mosquitto") {
  const auto read_both = [](const char* first, const char* second, const char* third = "") {
    auto lines = bramble::split_config(first, "b.conf");
    for (auto& line : bramble::split_config(second, "c.conf", 1)) lines.push_back(std::move(line));
    for (auto& line : bramble::split_config(third, "b.conf", 0)) lines.push_back(std::move(line));
    return bramble::make_config(lines);
  };
  const auto other = read_both("plugin mosquitto_acl_file.so\n", "plugin_opt_acl_file /a\n");
  REQUIRE_FALSE(other.has_value());
  CHECK(contains(other.error(), "c.conf:1: plugin_opt_acl_file: needs its `plugin` line above it in the same file"));
  CHECK(contains(other.error(), "b.conf:1: plugin: has no file"));
  const auto between =
      read_both("plugin mosquitto_acl_file.so\n", "plugin mosquitto_password_file.so\nplugin_opt_password_file /p\n",
                "plugin_opt_acl_file /a\n");
  REQUIRE_MESSAGE(between.has_value(), between.error());
  CHECK(between->auth.acl_file == "/a");
  CHECK(between->auth.password_file == "/p");
}

TEST_CASE("per_listener_settings: what sets the same of a listener counts by its last line, with a warning") {
  const std::string own = "per_listener_settings true\nlistener 1\n";
  const Config closed = must_read(own + "listener_allow_anonymous true\nallow_anonymous false\n");
  CHECK(closed.listeners.at(0).auth.allow_anonymous == false);
  CHECK(
      warns(closed, "b.conf:4: allow_anonymous: listener_allow_anonymous at b.conf:3 sets the same; this one counts"));
  const Config open = must_read(own +
                                "allow_anonymous false\nlistener_allow_anonymous true\nlistener 2\n"
                                "allow_anonymous false\n");
  CHECK(open.listeners.at(0).auth.allow_anonymous == true);
  CHECK(open.listeners.at(1).auth.allow_anonymous == false);
  CHECK(warns(open, "b.conf:4: listener_allow_anonymous: allow_anonymous at b.conf:3 sets the same; this one counts"));
  const Config first = must_read(own + "listener_auto_id_prefix a-\nauto_id_prefix b-\n");
  CHECK(first.listeners.at(0).auth.auto_id_prefix == "b-");
  CHECK(first.listeners.at(0).origins.at("auto_id_prefix") == "b.conf:4");
  CHECK(must_read(own + "auto_id_prefix b-\nlistener_auto_id_prefix a-\n").listeners.at(0).auth.auto_id_prefix == "a-");
  CHECK(must_read("listener 1\nlistener_allow_anonymous true\nallow_anonymous false\n")  // of all listeners
            .listeners.at(0)
            .auth.allow_anonymous == true);
}

TEST_CASE("per_listener_settings: true is not taken back, for Mosquitto 2.1 keeps it and 2.0 does not") {
  CHECK(error_of("per_listener_settings true\nlistener 1\nper_listener_settings false\nallow_anonymous true\n") ==
        "b.conf:3: per_listener_settings: is true at b.conf:1, which Mosquitto 2.1 keeps and 2.0 does not: take one of "
        "the two lines out");
  CHECK(error_of("per_listener_settings true\nper_listener_settings true\nlistener 1\n") == "");
  CHECK(
      must_read("per_listener_settings false\nper_listener_settings true\nlistener 1\n").broker.per_listener_settings);
  CHECK(error_of("listener 1\nallow_anonymous true\nper_listener_settings false\n") == "");  // changes nothing
}

TEST_CASE("per_listener_settings: who may log in needs a listener above it in the file, as in Mosquitto 2.1") {
  const std::string own = "per_listener_settings true\n";
  for (const char* const line :
       {"password_file /p", "acl_file /a", "allow_anonymous true", "psk_file /k", "allow_zero_length_clientid true",
        "auto_id_prefix auto-", "plugin mosquitto_acl_file.so\nplugin_opt_acl_file /a"}) {
    CAPTURE(line);
    const std::string name = std::string(line).substr(0, std::string(line).find(' '));
    for (const char* const rest : {"", "listener 1\n", "port 1\n", "max_qos 2\nlistener 1\n"}) {
      CHECK(
          contains(error_of(own + line + "\n" + rest), "b.conf:2: " + name + ": stands before any listener, and with"));
    }
    CHECK(error_of(own + "port 1\n" + line + "\n") == "");
    CHECK(error_of(own + "bind_address ::1\n" + line + "\nlistener 2\n") == "");
    CHECK(error_of(own + "max_qos 1\n" + line + "\nlistener 2\n") == "");
    CHECK(contains(error_of(own + "max_qos 2\n" + line + "\nlistener 2\n"), ": stands before any listener, and with"));
    CHECK(error_of(std::string(line) + "\nlistener 2\n") == "");
  }
  const Config config = must_read(own + "port 1\npassword_file /p\nlistener 2\nallow_anonymous true\n");
  CHECK(config.listeners.at(0).auth.password_file.empty());
  CHECK(config.listeners.at(1).port == 1);
  CHECK(config.listeners.at(1).auth.password_file == "/p");
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

TEST_CASE("an option that can do nothing where it stands is warned of") {
  const auto warned = [](const std::string& lines, const char* what) {
    CAPTURE(lines);
    CHECK(warns(must_read("listener 1\nallow_anonymous true\n" + lines + "\n"), what));
  };
  for (const char* const line :
       {"tls_version tlsv1.3", "tls_curves X25519", "dhparamfile /d", "disable_client_cert_date_checks true"}) {
    const std::string name = std::string(line).substr(0, std::string(line).find(' '));
    warned(line, ("b.conf:3: " + name + ": has no effect: without certfile or psk_hint there is no TLS here").c_str());
  }
  warned("unix_socket_mode 600", "b.conf:3: unix_socket_mode: has no effect: this is no Unix socket");
  warned("trusted_proxies 10.0.0.1",
         "trusted_proxies: has no effect: it is for protocol websockets (listener b.conf:1)");
  warned("proxy_protocol_v2_require_tls false", "has no effect: it is for enable_proxy_protocol 2");
  warned("listener 0 /s\nsocket_domain ipv4", "b.conf:4: socket_domain: has no effect: a Unix socket");
  for (const char* const lines :
       {"certfile c\nkeyfile k\ntls_version tlsv1.3\ntls_curves X25519", "listener 0 /s\nunix_socket_mode 600",
        "protocol websockets\ntrusted_proxies 10.0.0.1\nwebsockets_origin o",
        "enable_proxy_protocol 2\nuse_identity_as_username true\nproxy_protocol_v2_require_tls true"}) {
    CAPTURE(lines);
    CHECK_FALSE(warns(must_read("listener 1\nallow_anonymous true\n" + std::string(lines) + "\n"), "has no effect"));
  }
  CHECK_FALSE(warns(must_read("listener 1\nallow_anonymous true\nrequire_certificate false\n"), "has no effect"));
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
