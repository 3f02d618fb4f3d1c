#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "broker/config/option_row.h"

namespace bramble {

/// The kinds of log lines, a bit each.
enum class LogType : std::uint32_t {
  error = 1,
  warning = 2,
  notice = 4,
  information = 8,
  debug = 16,
  subscribe = 32,
  unsubscribe = 64,
  internal = 128,
  websockets = 256,
};
inline constexpr std::uint32_t kLogTypesDefault = 1 | 2 | 4 | 8;  ///< error, warning, notice, information
inline constexpr std::uint32_t kLogTypesAll = 511;
inline constexpr std::size_t kLogTimestampBytesMax = 127;
inline constexpr std::uint32_t kLogTypesNone = 1u << 31;  ///< asked for, and a bit that no line has

enum class LogFormat : std::uint8_t { text, json };

/// Options of the whole broker. Each field has a row below; names are mosquitto.conf's, or ours where the help says so.
struct BrokerOptions {
  // process
  std::string user;  ///< empty: not given
  std::string pid_file;
  std::string control_socket;  ///< empty: none
  unsigned threads = 0;        ///< 0: the cores the process may use
  bool per_listener_settings = false;
  bool watch_files = false;
  bool mdns = false;
  // limits and MQTT behaviour
  std::uint32_t max_inflight_bytes = 0;
  std::uint16_t max_inflight_messages = 20;
  std::uint16_t max_keepalive = 0;  ///< 0: no limit
  std::uint32_t max_packet_size = 2'000'000;
  std::uint64_t max_queued_bytes = 0;
  std::uint32_t max_queued_messages = 1000;
  std::uint32_t message_size_limit = 0;
  bool queue_qos0_messages = false;
  bool retain_available = true;
  bool set_tcp_nodelay = true;
  bool upgrade_outgoing_qos = false;
  bool allow_duplicate_messages = true;
  std::chrono::seconds persistent_client_expiration{0};  ///< 0: never
  std::int32_t global_max_clients = -1;
  std::int32_t global_max_connections = -1;
  std::vector<std::string> clientid_prefixes;  ///< one, or none
  bool check_retain_source = true;
  std::uint32_t retain_expiry_interval = 1;
  std::uint32_t packet_buffer_size = 4096;
  std::chrono::seconds connect_timeout{30};
  std::chrono::seconds handshake_timeout{10};
  std::uint32_t password_rate = 20;
  std::uint32_t max_takeovers = 100;
  std::uint32_t max_subscriptions = 0;
  std::uint32_t max_filter_levels = 0;
  std::uint64_t memory_limit = 0;
  std::uint64_t max_output_bytes = 1 << 20;
  std::uint64_t max_inbox_bytes = 16 << 20;
  std::uint32_t busy_poll_us = 0;
  // logs and $SYS
  std::chrono::seconds sys_interval{10};
  std::vector<std::string> log_dest;  ///< empty: stderr
  std::uint32_t log_type = 0;         ///< OR of LogType; 0: not given (error, warning, notice, information)
  bool log_timestamp = true;
  LogFormat log_format = LogFormat::text;
  std::string log_timestamp_format;  ///< empty: seconds since 1970
  std::int32_t log_facility = -1;    ///< -1: not given
  bool connection_messages = true;
  std::uint32_t websockets_log_level = 0;
};

inline constexpr std::size_t kSocketPathBytesMax = 107;

std::string read_control_socket(BrokerOptions& options, std::string_view value);
std::string show_control_socket(const BrokerOptions& options);
std::string read_persistent_client_expiration(BrokerOptions& options, std::string_view value);
std::string show_persistent_client_expiration(const BrokerOptions& options);
std::string read_log_dest(BrokerOptions& options, std::string_view value);
std::string show_log_dest(const BrokerOptions& options);
std::string read_log_format(BrokerOptions& options, std::string_view value);
std::string show_log_format(const BrokerOptions& options);
std::string read_log_timestamp_format(BrokerOptions& options, std::string_view value);
std::string show_log_timestamp_format(const BrokerOptions& options);
std::string read_log_type(BrokerOptions& options, std::string_view value);
std::string show_log_type(const BrokerOptions& options);

inline constexpr OptionRow<BrokerOptions> kBrokerOptions[] = {
    {"user", &BrokerOptions::user, Reload::at_start,
     "Account to change to after the ports are open. Counts only when started as root. Not given, or mosquitto where "
     "there is no such account: the first there is of mosquitto (only with -c), bramble and nobody. root stays root."},
    {"pid_file", &BrokerOptions::pid_file, Reload::at_start,
     "File to write the process id to. Not being able to stops the start."},
    {"control_socket",
     Special<BrokerOptions>{read_control_socket, show_control_socket, copy_fields<&BrokerOptions::control_socket>},
     Reload::at_start,
     "Unix socket at which `bramble-ctl clients` and `bramble-ctl explain publish` ask the broker while it runs. Only "
     "root and the account that the broker runs as may use it. Not given: none. Bramble's own."},
    {"threads", &BrokerOptions::threads, Range{0, 64}, Reload::at_start,
     "Reactor threads, 1 to 64. 0: one for each core the process may use. Bramble's own."},
    {"per_listener_settings", &BrokerOptions::per_listener_settings, Reload::at_once,
     "The options of who may log in belong to the listener that they follow, instead of to all. Before any of them."},

    {"watch_files", &BrokerOptions::watch_files, Reload::at_once,
     "Read everything again, as by SIGHUP, when a certificate, key, password, acl or psk file has changed on disk. "
     "Bramble's own."},
    {"mdns", &BrokerOptions::mdns, Reload::at_once,
     "Have Avahi announce the listeners to the network, so that clients find them without an address: _mqtt._tcp, and "
     "_secure-mqtt._tcp with TLS. Not those of loopback, Unix sockets, WebSockets and proxies. Bramble's own."},

    {"max_inflight_messages", &BrokerOptions::max_inflight_messages, Range{0, 65535, 0, 0}, Reload::new_connections,
     "QoS 1 and 2 messages in flight to one client, and the Receive Maximum that MQTT 5 clients are told. 0: no "
     "limit."},
    {"max_inflight_bytes", &BrokerOptions::max_inflight_bytes, Range{.negative = 0}, Reload::new_connections,
     "Payload bytes of QoS 1 and 2 messages in flight to one client. 0: no limit."},
    {"max_keepalive", &BrokerOptions::max_keepalive, Range{0, 65535}, Reload::new_connections,
     "Largest Keep Alive, in seconds. MQTT 5 clients that ask for more, or for none, are told this one; older ones "
     "that "
     "do are refused. 0: no limit."},
    {"max_packet_size", &BrokerOptions::max_packet_size, Range{20, kHighest<std::uint32_t>, 0}, Reload::new_connections,
     "Largest packet a client may send, in bytes; MQTT 5 clients are told. 0: the standard's 256 MiB."},
    {"max_queued_messages", &BrokerOptions::max_queued_messages, Range{.negative = 0}, Reload::new_connections,
     "Messages queued for one session beyond those in flight; what comes after is dropped. 0: no limit."},
    {"max_queued_bytes", &BrokerOptions::max_queued_bytes, Range{.negative = 0}, Reload::new_connections,
     "Payload bytes queued for one session beyond those in flight; what comes after is dropped. 0: no limit."},
    {"message_size_limit", &BrokerOptions::message_size_limit, Range{0, 268'435'455}, Reload::new_connections,
     "Largest payload. A PUBLISH with a bigger one is acknowledged and goes nowhere. 0: no limit."},
    {"queue_qos0_messages", &BrokerOptions::queue_qos0_messages, Reload::new_connections,
     "Queue QoS 0 messages too for sessions whose client is away."},
    {"retain_available", &BrokerOptions::retain_available, Reload::new_connections,
     "Allow retained messages. MQTT 5 clients are told."},
    {"set_tcp_nodelay", &BrokerOptions::set_tcp_nodelay, Reload::new_connections,
     "Set TCP_NODELAY on client sockets: less delay for single small messages, more packets."},
    {"allow_duplicate_messages", &BrokerOptions::allow_duplicate_messages, Reload::at_once,
     "A client whose subscriptions overlap gets a message once for each of them. false: once, at the highest QoS, but "
     "for "
     "subscriptions with different Subscription Identifiers."},
    {"upgrade_outgoing_qos", &BrokerOptions::upgrade_outgoing_qos, Reload::new_connections,
     "Deliver at the subscription's QoS even if the message was published with less. Against the standard."},
    {"persistent_client_expiration",
     Special<BrokerOptions>{read_persistent_client_expiration, show_persistent_client_expiration,
                            copy_fields<&BrokerOptions::persistent_client_expiration>},
     Reload::at_once,
     "End kept sessions whose client has been away this long: a number and s, h, d, w, m or y for seconds, hours, "
     "days, weeks, months of 30 days, years of 365. Not given: never."},
    {"global_max_clients", &BrokerOptions::global_max_clients, Range{-1, 2'147'483'647}, Reload::at_once,
     "Sessions in all, connected or kept. -1: no limit."},
    {"global_max_connections", &BrokerOptions::global_max_connections, Range{-1, 2'147'483'647}, Reload::at_once,
     "Clients connected at the same time through all listeners. -1: no limit."},
    {"clientid_prefixes", &BrokerOptions::clientid_prefixes, Reload::new_connections,
     "Only client ids that begin like this may connect. Not given: any."},
    {"check_retain_source", &BrokerOptions::check_retain_source, Reload::at_once,
     "Before a retained message is sent, look whether its publisher may still write to its topic: an acl_file that was "
     "read since it came may say otherwise."},
    {"retain_expiry_interval", &BrokerOptions::retain_expiry_interval, Range{0, 65'535}, Reload::at_once,
     "Minutes between sweeps of retained messages that have expired. Bramble looks at 1000 of them a second instead, "
     "so "
     "they go sooner. 0: only when somebody asks for one."},
    {"packet_buffer_size", &BrokerOptions::packet_buffer_size, Range{1024, 65'535}, Reload::new_connections,
     "Largest HTTP request that opens a WebSocket, in bytes. Packets need no such limit. `websockets_headers_size` is "
     "the "
     "same."},
    {"connect_timeout", &BrokerOptions::connect_timeout, Range{1, 65'535}, Reload::new_connections,
     "Seconds from the beginning of a connection within which its CONNECT has to come. Bramble's own."},
    {"handshake_timeout", &BrokerOptions::handshake_timeout, Range{1, 65'535}, Reload::new_connections,
     "Seconds for the handshakes of TLS and WebSocket. Bramble's own."},
    {"password_rate", &BrokerOptions::password_rate, Range{0, 100'000}, Reload::at_start,
     "Passwords that are checked for one address in a second, on average over ten; further clients from there are told "
     "to come later. One that was right before is not counted. 0: no limit. Bramble's own."},
    {"max_takeovers", &BrokerOptions::max_takeovers, Range{0, 1'000'000}, Reload::at_once,
     "Times that other connections may take over one client id within ten seconds. After that the one that is there "
     "stays for ten seconds, and the log names both. 0: no limit. Bramble's own."},
    {"max_subscriptions", &BrokerOptions::max_subscriptions, Range{}, Reload::at_once,
     "Subscriptions of one client; further ones are refused in SUBACK. 0: no limit. Bramble's own."},
    {"max_filter_levels", &BrokerOptions::max_filter_levels, Range{0, 65'535}, Reload::at_once,
     "Levels of a topic filter; one with more is refused in SUBACK. 0: no limit. Bramble's own."},
    {"memory_limit", &BrokerOptions::memory_limit, Range{}, Reload::at_once,
     "Bytes of memory that the broker should stay below. From 80 % on new sessions and subscriptions are refused, from "
     "90 % on publishers are read slowly, from 100 % on not at all, but for a PUBLISH that removes a retained message, "
     "and who does not read what waits for it is disconnected. Nothing that was acknowledged is dropped. Mosquitto "
     "just "
     "fails to allocate. 0: no limit."},
    {"max_output_bytes", &BrokerOptions::max_output_bytes, Range{1}, Reload::new_connections,
     "Bytes waiting to be written to one client. Above it QoS 0 messages to that client are dropped and counted, "
     "others "
     "wait in its queue. Bramble's own."},
    {"max_inbox_bytes", &BrokerOptions::max_inbox_bytes, Range{1}, Reload::at_start,
     "Bytes waiting for one reactor thread. Above it the publishers that feed it are read more slowly; at twice as "
     "much "
     "QoS 0 messages are dropped and counted. Bramble's own."},
    {"busy_poll_us", &BrokerOptions::busy_poll_us, Range{0, 10'000}, Reload::at_start,
     "Microseconds that a thread with nothing to do looks for work before it sleeps: less delay for single messages, "
     "more "
     "CPU time. 0: only while sleeping has just not been worth it. Bramble's own."},

    {"sys_interval", &BrokerOptions::sys_interval, Range{0, 65535}, Reload::at_once,
     "Seconds between updates of the $SYS topics. 0: no $SYS topics."},
    {"log_dest", Special<BrokerOptions>{read_log_dest, show_log_dest, copy_fields<&BrokerOptions::log_dest>},
     Reload::at_once,
     "Where log lines go: stderr, stdout, syslog, journald (with fields BRAMBLE_CLIENT_ID and so on), topic "
     "($SYS/broker/log/...), none, or file and a path. May be given several times. Not given: stderr."},
    {"log_format", Special<BrokerOptions>{read_log_format, show_log_format, copy_fields<&BrokerOptions::log_format>},
     Reload::at_once,
     "text: lines as Mosquitto has them. json: an object a line on stderr, stdout, in files and topics, with time "
     "(UTC), "
     "level, message, and where known client_id, user, address, listener, reason and reason_code. Bramble's own."},
    {"log_type", Special<BrokerOptions>{read_log_type, show_log_type, copy_fields<&BrokerOptions::log_type>},
     Reload::at_once,
     "What is logged: error, warning, notice, information, subscribe, unsubscribe, websockets, debug, internal, none "
     "or "
     "all. May be given several times. Not given: error, warning, notice and information."},
    {"log_timestamp", &BrokerOptions::log_timestamp, Reload::at_once, "Begin each log line with the time."},
    {"log_timestamp_format",
     Special<BrokerOptions>{read_log_timestamp_format, show_log_timestamp_format,
                            copy_fields<&BrokerOptions::log_timestamp_format>},
     Reload::at_once, "That time, as strftime writes it: %Y-%m-%dT%H:%M:%S. Not given: seconds since 1970."},
    {"log_facility", &BrokerOptions::log_facility, Range{0, 7, -1}, Reload::at_once,
     "Facility of `log_dest syslog`: local0 to local7, by number. -1: daemon."},
    {"connection_messages", &BrokerOptions::connection_messages, Reload::at_once,
     "Log clients that connect and disconnect."},
    {"websockets_log_level", &BrokerOptions::websockets_log_level, Range{}, Reload::at_once,
     "Of a library that neither Mosquitto 2.1 nor Bramble uses any more: accepted, without effect."},
};

}  // namespace bramble
