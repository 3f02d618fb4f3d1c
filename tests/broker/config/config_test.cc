#include "broker/config/config.h"

#include <doctest/doctest.h>

#include "tests/broker/config/read_config.h"

using namespace bramble::testing;
using bramble::Config;

TEST_CASE("without any option only this machine is served, and everybody on it is let in") {
  const Config config = must_read("");
  REQUIRE(config.listeners.size() == 2);
  CHECK(config.local_only);
  CHECK(config.listeners[0].bind_address == "127.0.0.1");
  CHECK_FALSE(config.listeners[0].optional);
  CHECK(config.listeners[1].bind_address == "::1");
  CHECK(config.listeners[1].optional);
  for (const auto& listener : config.listeners) {
    CHECK(listener.port == 1883);
    CHECK(listener.auth.allow_anonymous == true);
  }
  CHECK(config.warnings.empty());
}

TEST_CASE("the defaults are those that a v5 CONNACK of Mosquitto 2.1 announces") {
  const Config config = must_read("");
  CHECK(config.broker.max_inflight_messages == 20);
  CHECK(config.broker.max_packet_size == 2'000'000);
  CHECK(config.listeners[0].max_topic_alias == 10);
  CHECK(config.listeners[0].max_qos == bramble::mqtt::Qos::exactly_once);
}

TEST_CASE("a listener opens all interfaces, and what follows applies to it") {
  const Config config = must_read(
      "allow_anonymous true\n"
      "listener 1883\nmax_qos 1\nmax_connections 10\n"
      "listener 1884 127.0.0.1\nmaximum_qos 0\nmax_topic_alias 0\naccept_protocol_versions 4, 5\n");
  REQUIRE(config.listeners.size() == 2);
  CHECK_FALSE(config.local_only);
  CHECK(config.listeners[0].port == 1883);
  CHECK(config.listeners[0].bind_address.empty());
  CHECK(config.listeners[0].max_qos == bramble::mqtt::Qos::at_least_once);
  CHECK(config.listeners[0].max_connections == 10);
  CHECK(config.listeners[0].accept_v3);
  CHECK(config.listeners[0].declared_at == "b.conf:2");
  CHECK(config.listeners[1].port == 1884);
  CHECK(config.listeners[1].bind_address == "127.0.0.1");
  CHECK(config.listeners[1].max_qos == bramble::mqtt::Qos::at_most_once);
  CHECK(config.listeners[1].max_topic_alias == 0);
  CHECK(config.listeners[1].max_connections == -1);
  CHECK_FALSE(config.listeners[1].accept_v3);
  CHECK(config.listeners[1].accept_v5);
}

TEST_CASE("anonymous clients are refused as soon as a listener is configured, and the warning says what to do") {
  const Config config = must_read("\nlistener 1883\n");
  CHECK(config.listeners.at(0).auth.allow_anonymous == false);
  REQUIRE(config.warnings.size() == 1);
  CHECK(config.warnings[0].starts_with("b.conf:2: nobody can log in on port 1883"));
  CHECK(contains(config.warnings[0], "`allow_anonymous true`"));
}

TEST_CASE("allow_anonymous is of the whole broker wherever it stands; listener_allow_anonymous of one listener") {
  const Config config = must_read("listener 1\nlistener_allow_anonymous false\nlistener 2\nallow_anonymous true\n");
  CHECK(config.listeners.at(0).auth.allow_anonymous == false);
  CHECK(config.listeners.at(1).auth.allow_anonymous == true);
}

TEST_CASE("allow_anonymous false holds without a listener too") {
  const Config config = must_read("allow_anonymous false\n");
  CHECK(config.local_only);
  CHECK(config.listeners.at(0).auth.allow_anonymous == false);
  CHECK(warns(config, "nobody can log in"));
}

TEST_CASE("every option of the broker reaches its field") {
  const Config config = must_read(
      "user nobody\npid_file /run/b.pid\nthreads 3\nallow_zero_length_clientid false\nauto_id_prefix x-\n"
      "max_inflight_bytes 7\nmax_inflight_messages 8\nmax_keepalive 9\nmax_packet_size 20\nmax_queued_bytes 10\n"
      "max_queued_messages 11\nmessage_size_limit 12\nqueue_qos0_messages true\nretain_available false\n"
      "set_tcp_nodelay true\nupgrade_outgoing_qos true\npersistent_client_expiration 14d\nmax_output_bytes 13\n"
      "max_inbox_bytes 14\nbusy_poll_us 17\nsys_interval 15\nlog_dest file /var/log/my broker.log\nlog_dest "
      "topic\nlog_dest journald\nlog_format json\nlog_type error\n"
      "log_type debug\nlog_timestamp false\nlog_timestamp_format %Y #%m\nconnection_messages false\n"
      "max_topic_alias_broker 16\npersistence true\n");
  const auto& broker = config.broker;
  CHECK(broker.user == "nobody");
  CHECK(broker.pid_file == "/run/b.pid");
  CHECK(broker.threads == 3);
  CHECK_FALSE(config.auth.allow_zero_length_clientid);
  CHECK(config.auth.auto_id_prefix == "x-");
  CHECK(broker.max_inflight_bytes == 7);
  CHECK(broker.max_inflight_messages == 8);
  CHECK(broker.max_keepalive == 9);
  CHECK(broker.max_packet_size == 20);
  CHECK(broker.max_queued_bytes == 10);
  CHECK(broker.max_queued_messages == 11);
  CHECK(broker.message_size_limit == 12);
  CHECK(broker.queue_qos0_messages);
  CHECK_FALSE(broker.retain_available);
  CHECK(broker.set_tcp_nodelay);
  CHECK(broker.upgrade_outgoing_qos);
  CHECK(broker.persistent_client_expiration == std::chrono::hours(14 * 24));
  CHECK(broker.max_output_bytes == 13);
  CHECK(broker.max_inbox_bytes == 14);
  CHECK(broker.busy_poll_us == 17);
  CHECK(broker.sys_interval == std::chrono::seconds(15));
  CHECK(broker.log_dest == std::vector<std::string>{"file /var/log/my broker.log", "topic", "journald"});
  CHECK(broker.log_format == bramble::LogFormat::json);
  CHECK(broker.log_type == (1u | 16u));
  CHECK_FALSE(broker.log_timestamp);
  CHECK(broker.log_timestamp_format == "%Y #%m");
  CHECK_FALSE(broker.connection_messages);
  CHECK(config.listeners.at(0).max_topic_alias_broker == 16);
  CHECK(config.store.persistence);
}

TEST_CASE("an error names the file, the line, what is wrong and what would be right") {
  CHECK(error_of("\nmax_qos 3\n") == "b.conf:2: max_qos: 3 is not a QoS: 0, 1 or 2");
  CHECK(error_of("max_keepalive x\n") == "b.conf:1: max_keepalive: x is not a whole number from 0 to 65535");
  CHECK(error_of("max_packet_size 19\n") ==
        "b.conf:1: max_packet_size: 19 is not a whole number from 20 to 4294967295, or 0");
  CHECK(error_of("threads 65\n") == "b.conf:1: threads: 65 is not a whole number from 0 to 64");
  CHECK(error_of("global_max_connections -2\n") ==
        "b.conf:1: global_max_connections: -2 is not a whole number from -1 to 2147483647");
  CHECK(error_of("retain_available yes\n") == "b.conf:1: retain_available: yes is neither true nor false");
  CHECK(error_of("persistent_client_expiration 3x\n") ==
        "b.conf:1: persistent_client_expiration: 3x is not a time: a number from 1 to 100000 and s, h, d, w, m or y, "
        "such as 14d");
  CHECK(error_of("listener 1\naccept_protocol_versions 6\n") ==
        "b.conf:2: accept_protocol_versions: 6 is not a protocol version: 3, 4 or 5, with commas between");
  CHECK(error_of("listener\n") == "b.conf:1: listener: needs a value behind it");
  CHECK(error_of("listener 65536\n") == "b.conf:1: listener: 65536 is not a whole number from 0 to 65535");
  CHECK(contains(error_of("log_dest dlt\n"), "dlt is known to Mosquitto, not in Bramble"));
  CHECK(contains(error_of("log_dest printer\n"), "printer is no place to log to"));
  CHECK(contains(error_of("log_format xml\n"), "xml is no form of log lines: text or json"));
  CHECK(contains(error_of("log_type loud\n"), "loud is no type of log line: error warning"));
  CHECK(contains(error_of("listener 1 /run/mqtt.sock\n"), "a Unix socket has no port: `listener 0 /run/mqtt.sock`"));
}

TEST_CASE("a number that does not fit its field is refused, not cut") {
  CHECK(error_of("max_queued_messages 4294967296\n") ==
        "b.conf:1: max_queued_messages: 4294967296 is not a whole number from 0 to 4294967295");
  CHECK(must_read("max_queued_messages 4294967295\n").broker.max_queued_messages == 4294967295u);
  CHECK(error_of("max_queued_bytes 9223372036854775808\n") != "");
  CHECK(error_of("max_packet_size 20x\n") != "");
  CHECK(error_of("max_packet_size 0x20\n") != "");
  CHECK(error_of("sys_interval 10 20\n") != "");
}

TEST_CASE(
    "auto_id_prefix is at most 50 bytes of UTF-8 without control characters, for it becomes part of a client id") {
  const std::string longest(50, 'x');
  CHECK(must_read("auto_id_prefix " + longest + "\n").auth.auto_id_prefix == longest);
  CHECK(must_read("auto_id_prefix b\xC3\xBCro \xC2\xA0-\n").auth.auto_id_prefix == "b\xC3\xBCro \xC2\xA0-");
  CHECK(error_of("auto_id_prefix " + longest + "x\n") == "b.conf:1: auto_id_prefix: is 51 bytes long: at most 50");
  for (const char* const wrong : {"a\xFF", "a\xC3", "a\xC2\x85", "a\xC2\x9Fz", "\xED\xA0\x80"}) {
    CAPTURE(wrong);
    CHECK(error_of("\nauto_id_prefix " + std::string(wrong) + "\n") ==
          "b.conf:2: auto_id_prefix: cannot begin a client id: UTF-8 without control characters");
  }
}

TEST_CASE("a log_timestamp_format that makes no time, a very long one or two lines is refused") {
  const std::string longest = "%A, %d %B %Y %H:%M:%S " + std::string(127 - 38, 'x');
  CHECK(must_read("log_timestamp_format " + longest + "\n").broker.log_timestamp_format == longest);
  CHECK(error_of("log_timestamp_format " + longest + "x\n")
            .starts_with("b.conf:1: log_timestamp_format: makes a time of no letter or of more than 127: "));
  CHECK(contains(error_of("log_timestamp_format %Y%n\n"), "would break each log line in two"));
}

TEST_CASE("all errors are told, one line each") {
  CHECK(error_of("max_qos 3\nthreads 100\n") ==
        "b.conf:1: max_qos: 3 is not a QoS: 0, 1 or 2\nb.conf:2: threads: 100 is not a whole number from 0 to 64");
  std::string many;
  for (int i = 0; i < 25; ++i) many += "max_qos 3\n";
  CHECK(error_of(many).ends_with("\n... and 5 more"));
}

TEST_CASE("a line of bytes that are no text, or without end, is one error that does not repeat it") {
  CHECK(error_of("user \x1B[31mred\n") == "b.conf:1: holds the byte 0x1B: take it out");
  CHECK(error_of("\x7F 1\n") == "b.conf:1: holds the byte 0x7F: take it out");
  CHECK(error_of("log_timestamp_format %H\t%M\n") == "");
  CHECK(error_of("user " + std::string(4092, 'x') + "\n") == "");
  CHECK(error_of("user " + std::string(4093, 'x') + "\n") == "b.conf:1: a line of 4097 bytes: at most 4096");
  CHECK(error_of(std::string(1'000'000, 'x')) == "b.conf:1: a line of 1000000 bytes: at most 4096");
}

TEST_CASE("of an option given twice in one place the last counts, with a warning; log_dest and log_type add up") {
  const Config config = must_read(
      "allow_anonymous true\nthreads 2\nlistener 1\nmax_qos 1\nlistener 2\nmax_qos 0\nmaximum_qos 2\nthreads 3\n"
      "log_dest stderr\nlog_dest stdout\nlog_type all\nlog_type all\nthreads 4\n");
  CHECK(config.broker.threads == 4);
  CHECK(config.warnings == std::vector<std::string>{"b.conf:7: maximum_qos: given at b.conf:6 too; this one counts",
                                                    "b.conf:8: threads: given at b.conf:2 too; this one counts",
                                                    "b.conf:13: threads: given at b.conf:8 too; this one counts"});
  CHECK(warns(must_read("port 1\nport 2\n"), "b.conf:2: port: given at b.conf:1 too; this one counts"));
}

TEST_CASE("text that is given twice in one place is refused, as in Mosquitto 2.0, and both lines are named") {
  for (const char* const name : {"acl_file", "password_file", "psk_file", "user", "pid_file", "auto_id_prefix",
                                 "log_timestamp_format", "persistence_file", "clientid_prefixes"}) {
    CAPTURE(name);
    const std::string line = std::string(name) + " /x\n";
    CHECK(error_of(line + "listener 1\n" + line) ==
          "b.conf:3: " + std::string(name) + ": given at b.conf:1 too: take one of the two lines out");
  }
  for (const char* const line :
       {"mount_point x/\n", "bind_interface lo\n", "ciphers HIGH\n", "tls_version tlsv1.2\n"}) {
    CAPTURE(line);
    CHECK(contains(error_of("listener 1\n" + std::string(line) + line), "given at b.conf:2 too"));
    const std::string both = error_of("listener 1\n" + std::string(line) + "listener 2\n" + line);
    CHECK_MESSAGE((both.empty() || contains(both, "needs certfile and keyfile")), both);  // ciphers
  }
  CHECK(contains(error_of("acl_file /a\nplugin mosquitto_acl_file.so\nplugin_opt_acl_file /a\n"),
                 "b.conf:3: plugin_opt_acl_file: given at b.conf:1 too"));
}

TEST_CASE("log_dest: each place once, and one file") {
  using Places = std::vector<std::string>;
  CHECK(must_read("log_dest stderr\nlog_dest stderr\n").broker.log_dest == Places{"stderr"});
  CHECK(must_read("log_dest file /a\nlog_dest file  /a\n").broker.log_dest == Places{"file /a"});
  CHECK(error_of("log_dest file /a\nlog_dest file /b\n") ==
        "b.conf:2: log_dest: another file is given at b.conf:1: take one of the two lines out");
}

TEST_CASE("listener 0 is for a Unix socket, also by a relative path; with an address the system picks a port") {
  CHECK(error_of("listener 0\n") == "b.conf:1: listener: port 0 is for a Unix socket: `listener 0 /run/bramble.sock`");
  CHECK(contains(error_of("port 0\n"), "b.conf:1: port: port 0 is for a Unix socket"));
  for (const char* const address : {"127.0.0.1", "::1"}) {
    const Config config = must_read("listener 0 " + std::string(address) + "\n");
    CHECK(config.listeners.at(0).bind_address == address);
    CHECK_FALSE(config.listeners[0].unix_socket());
  }
  const std::pair<const char*, const char*> paths[] = {{"/run/a", "/run/a"}, {"run/a", "run/a"},
                                                       {"./a", "./a"},       {"a.sock", "./a.sock"},
                                                       {"0", "./0"},         {"localhost # here", "./localhost"}};
  for (const auto& [given, path] : paths) {
    const Config config = must_read("listener 0 " + std::string(given) + "\n");
    CHECK(config.listeners.at(0).bind_address == path);
    CHECK(config.listeners[0].unix_socket());
  }
  CHECK(contains(error_of("listener 1883 run/a\n"), "a Unix socket has no port: `listener 0 run/a`"));
  CHECK(contains(error_of("listener 0 a b\n"), "a b is not an address"));
  CHECK(error_of("bind_address run/a\n") ==
        "b.conf:1: bind_address: is for an address; a Unix socket is opened by `listener 0 run/a`");
}

TEST_CASE("two listeners at one place are refused") {
  const auto refused = [](const std::string& text, const char* lines) {
    CAPTURE(text);
    CHECK(contains(error_of(text), lines));
  };
  refused("listener 1\nmax_qos 1\nlistener 1\n", "b.conf:3: listens where the listener at b.conf:1 does: take one");
  refused("listener 1 ::1\nlistener 1 ::1\n", "b.conf:2: listens where the listener at b.conf:1 does");
  refused("listener 1883\nport 1883\n", "b.conf:2: listens where the listener at b.conf:1 does");
  refused("listener 0 /s\nbind_interface lo\nlistener 0 /s\nsocket_domain ipv6\n",
          "b.conf:3: listens where the listener at b.conf:1 does");
  refused("listener 0 s\nlistener 0 ./s\n", "b.conf:2: listens where the listener at b.conf:1 does");
  CHECK(error_of("listener 1\nsocket_domain ipv4\nlistener 1\nsocket_domain ipv6\n") == "");
  CHECK(error_of("listener 0 ::1\nlistener 0 ::1\nlistener 1 ::1\nlistener 1 127.0.0.1\n") == "");
  CHECK_FALSE(read("", {2001, 2001}).has_value());
}

TEST_CASE("a negative number is no limit where Mosquitto takes it for that") {
  const Config config = must_read(
      "max_queued_messages -1\nmax_queued_bytes -2\nmax_inflight_bytes -3\nmax_inflight_messages -4\n"
      "autosave_interval -5\nlistener 1\nmax_connections -6\nlistener 2\nmax_connections -1\n");
  CHECK(config.broker.max_queued_messages == 0);
  CHECK(config.broker.max_queued_bytes == 0);
  CHECK(config.broker.max_inflight_bytes == 0);
  CHECK(config.broker.max_inflight_messages == 0);
  CHECK(config.store.autosave_interval == 0);
  CHECK(config.listeners.at(0).max_connections == -1);
  CHECK(config.listeners.at(1).max_connections == -1);
  CHECK_FALSE(error_of("message_size_limit -1\n").empty());
}

TEST_CASE("log_dest stdout unbuffered and seconds of persistent_client_expiration are Mosquitto 2.1's") {
  using Places = std::vector<std::string>;
  CHECK(must_read("log_dest stdout unbuffered\n").broker.log_dest == Places{"stdout"});
  CHECK(must_read("log_dest stdout  unbuffered # x\n").broker.log_dest == Places{"stdout"});
  CHECK_FALSE(error_of("log_dest stderr unbuffered\n").empty());
  CHECK_FALSE(error_of("log_dest stdout buffered\n").empty());
  CHECK(must_read("persistent_client_expiration 30s\n").broker.persistent_client_expiration ==
        std::chrono::seconds(30));
}

TEST_CASE("a message about an option begins with where it was given, the last time or with a certain value") {
  const Config config = must_read("log_dest file /a\nthreads 1\nlog_dest stderr\nthreads 2\n");
  CHECK(config.at("threads") == "b.conf:4: threads: ");
  CHECK(config.at("log_dest") == "b.conf:3: log_dest: ");
  CHECK(config.at("log_dest", "/a") == "b.conf:1: log_dest: ");
  CHECK(config.at("pid_file") == "pid_file: ");
}

TEST_CASE("a typing error is answered with the option that was probably meant") {
  CHECK(error_of("max_qoss 1\n") == "b.conf:1: max_qoss: no such option; did you mean max_qos?");
  CHECK(error_of("lisener 1883\n") == "b.conf:1: lisener: no such option; did you mean listener?");
  CHECK(error_of("zebra 1\n") == "b.conf:1: zebra: no such option");
}

TEST_CASE("an option that only Mosquitto has stops the start and says what to do") {
  for (const char* const line :
       {"plugin x.so", "plugin_opt_a b", "auth_opt_a b", "global_plugin x.so", "plugin_load a x.so", "plugin_use a"}) {
    CAPTURE(line);
    CHECK(contains(error_of(line), "use password_file and acl_file"));
  }
  CHECK(contains(error_of("enable_control_api true\n"), "bramble-ctl"));
  CHECK(contains(error_of("tls_engine pkcs11\n"), "keyfile"));
  CHECK(contains(error_of("protocol http_api\n"), "http_api is known to Mosquitto, not in Bramble"));
}

TEST_CASE("an option that only Mosquitto has is taken where it asks for what Bramble does anyway") {
  CHECK(error_of("protocol mqtt\nper_listener_settings false\nallow_duplicate_messages true\n") == "");
}

TEST_CASE("retry_interval is ignored with a message, as in Mosquitto") {
  CHECK(warns(must_read("retry_interval 20\n"), "b.conf:1: retry_interval: has no effect"));
}

TEST_CASE("log_dest none takes back what stood before it; log_type none is not the default") {
  CHECK(must_read("log_dest syslog\nlog_dest none\n").broker.log_dest == std::vector<std::string>{"none"});
  CHECK(must_read("log_dest none\nlog_dest stdout\n").broker.log_dest == std::vector<std::string>{"stdout"});
  CHECK(must_read("log_type none\n").broker.log_type == bramble::kLogTypesNone);
}

TEST_CASE("a comment may stand behind a number, a flag or an address, as Mosquitto reads one word of those") {
  const Config config = must_read("listener 1883 127.0.0.1 # home\nmax_qos 1 # low\nallow_anonymous true #x\n");
  CHECK(config.listeners.at(0).bind_address == "127.0.0.1");
  CHECK(config.listeners.at(0).max_qos == bramble::mqtt::Qos::at_least_once);
  CHECK(config.listeners.at(0).auth.allow_anonymous == true);
  CHECK(must_read("listener 1883 # all\n").listeners.at(0).bind_address.empty());
}

TEST_CASE("what every option shows is what it reads") {
  const auto agree = [](const auto& rows, auto options) {
    for (const auto& row : rows) {
      const std::string shown = show_option(row, options);
      if (shown.empty()) continue;
      CAPTURE(row.name);
      CHECK(read_option(row, options, shown) == "");
      CHECK(show_option(row, options) == shown);
    }
  };
  bramble::BrokerOptions broker;
  broker.persistent_client_expiration = std::chrono::hours(24 * 7);
  agree(bramble::kBrokerOptions, broker);
  agree(bramble::kListenerOptions, bramble::ListenerOptions{});
  agree(bramble::kAuthOptions, bramble::AuthOptions{});
  agree(bramble::kStoreOptions, bramble::StoreOptions{});
}

TEST_CASE("every option can be copied, with a value and without one") {
  const auto copied = [](const auto& rows, auto given) {
    const decltype(given) unset;
    for (const auto& row : rows) {
      auto to = unset;
      copy_option(row, given, to);
      CAPTURE(row.name);
      CHECK(show_option(row, to) == show_option(row, given));
      CHECK(show_option(row, to) != show_option(row, unset));
      copy_option(row, unset, to);
      CHECK(show_option(row, to) == show_option(row, unset));
    }
  };
  const Config config = must_read(
      "control_socket /run/control\npersistent_client_expiration 14d\nlog_dest stderr\nlog_dest topic\n"
      "log_format json\nlog_timestamp_format %H\nlog_type error\nlog_type debug\nauto_id_prefix x-\nlistener 1\n"
      "socket_domain ipv4\nprotocol websockets\nlistener_auto_id_prefix y-\nmax_qos 1\n"
      "accept_protocol_versions 3,5\nmount_point a/\ntls_version tlsv1.3\nlistener 0 /s\nunix_socket_mode 600\n");
  const auto specials = [](const auto& rows) {
    auto all = std::vector(std::begin(rows), std::end(rows));
    std::erase_if(all,
                  [](const auto& row) { return row.field.index() + 1 != std::variant_size_v<decltype(row.field)>; });
    return all;
  };
  copied(specials(bramble::kBrokerOptions), config.broker);
  copied(specials(bramble::kAuthOptions), config.auth);
  copied(specials(bramble::kTlsOptions), config.listeners.at(0).tls);
  auto listener = config.listeners.at(0);
  listener.unix_socket_mode = config.listeners.at(1).unix_socket_mode;
  copied(specials(bramble::kListenerOptions), listener);
}

TEST_CASE("Debian's mosquitto.conf is taken; autosave_interval is the only line of it that says nothing here") {
  const Config config = must_read(
      "pid_file /run/mosquitto/mosquitto.pid\n\npersistence true\npersistence_location /var/lib/mosquitto/\n"
      "autosave_interval 60\npersistence_file b.db\nlog_dest file /var/log/mosquitto/mosquitto.log\n");
  CHECK(config.local_only);
  CHECK(config.store.promise() == bramble::Promise::interval);
  CHECK(config.store.persistence_file == "b.db");
  CHECK(config.warnings.size() == 1);
  CHECK(warns(config, "b.conf:5: autosave_interval: has no effect: durability_interval alone says how long"));
}
