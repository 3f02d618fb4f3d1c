#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "broker/config/auth_options.h"
#include "broker/config/option_row.h"
#include "broker/config/origins.h"
#include "broker/config/tls_options.h"
#include "core/mqtt/types.h"

namespace bramble {

enum class Protocol : std::uint8_t { mqtt, websockets };
enum class SocketDomain : std::uint8_t { any, ipv4, ipv6 };

/// Options of one listener. Each field but the last has a row below, or in the options of its type.
struct ListenerOptions {
  std::uint16_t port = 1883;  ///< 0: the system picks one
  std::string bind_address;   ///< empty: all interfaces, IPv4 and IPv6; with a '/' in it: a Unix socket
  std::string bind_interface;
  SocketDomain socket_domain = SocketDomain::any;
  Protocol protocol = Protocol::mqtt;
  std::optional<bool> listener_allow_anonymous;
  std::string listener_auto_id_prefix;
  std::int32_t max_connections = -1;         ///< -1: no limit
  std::uint32_t max_connection_rate = 0;     ///< of one address, a second; 0: no limit
  std::uint32_t max_publish_rate = 0;        ///< of one client, a second; 0: no limit
  std::uint64_t max_publish_bytes_rate = 0;  ///< the same
  mqtt::Qos max_qos = mqtt::Qos::exactly_once;
  std::uint16_t max_topic_alias = 10;
  std::uint16_t max_topic_alias_broker = 10;
  bool accept_v3 = true, accept_v4 = true, accept_v5 = true;  ///< accept_protocol_versions 3,4,5
  std::string mount_point;
  bool use_username_as_clientid = false;
  std::uint16_t enable_proxy_protocol = 0;  ///< 0: no header
  bool proxy_protocol_v2_require_tls = false;
  unsigned unix_socket_mode = 0660;
  std::vector<std::string> websockets_origin;
  std::string http_dir;
  std::vector<std::string> trusted_proxies;
  TlsOptions tls;
  AuthOptions auth;  ///< those that hold here: the listener's own or the broker's; allow_anonymous is set
  // not options
  bool optional = false;    ///< not being able to open it is a warning: ::1 on a machine without IPv6
  std::string declared_at;  ///< FILE:LINE, for messages
  Origins origins;          ///< of all that holds here: `tls` and `auth` too

  using Place = std::tuple<std::uint16_t, std::string_view, std::string_view, SocketDomain>;
  /// Where its sockets are. Views into this.
  Place place() const {
    if (unix_socket()) return {port, bind_address, {}, SocketDomain::any};
    return {port, bind_address, bind_interface, socket_domain};
  }
  /// The sockets of both are the same: what else has changed is taken over by a reload without closing them.
  bool same_place(const ListenerOptions& other) const { return place() == other.place(); }
  /// Clients may be elsewhere than where their connections come from.
  bool behind_proxy() const {
    return enable_proxy_protocol != 0 || (protocol == Protocol::websockets && !trusted_proxies.empty());
  }
  bool unix_socket() const { return bind_address.find('/') != std::string::npos; }
};

/// IPv4 or IPv6, in numbers.
bool is_address(const std::string& text);

std::string read_max_qos(ListenerOptions& options, std::string_view value);
std::string show_max_qos(const ListenerOptions& options);
std::string read_protocol_versions(ListenerOptions& options, std::string_view value);
std::string show_protocol_versions(const ListenerOptions& options);
std::string read_protocol(ListenerOptions& options, std::string_view value);
std::string show_protocol(const ListenerOptions& options);
std::string read_socket_domain(ListenerOptions& options, std::string_view value);
std::string show_socket_domain(const ListenerOptions& options);
std::string read_listener_auto_id_prefix(ListenerOptions& options, std::string_view value);
std::string show_listener_auto_id_prefix(const ListenerOptions& options);
std::string read_unix_socket_mode(ListenerOptions& options, std::string_view value);
std::string show_unix_socket_mode(const ListenerOptions& options);
std::string read_mount_point(ListenerOptions& options, std::string_view value);
std::string show_mount_point(const ListenerOptions& options);

/// `listener PORT [ADDRESS]` opens a listener and is no row; what follows it applies to it.
inline constexpr OptionRow<ListenerOptions> kListenerOptions[] = {
    {"port", &ListenerOptions::port, Range{0, 65535}, Reload::at_once,
     "Port of the default listener. Older form of `listener`."},
    {"bind_address", &ListenerOptions::bind_address, Reload::at_once,
     "Address or host name of the default listener. Older form of `listener`."},
    {"bind_interface", &ListenerOptions::bind_interface, Reload::at_once, "Listen only on this network device: eth0."},
    {"socket_domain",
     Special<ListenerOptions>{read_socket_domain, show_socket_domain, copy_fields<&ListenerOptions::socket_domain>},
     Reload::at_once, "ipv4 or ipv6: listen only there. Not given: both."},
    {"protocol", Special<ListenerOptions>{read_protocol, show_protocol, copy_fields<&ListenerOptions::protocol>},
     Reload::new_connections, "What clients speak here: mqtt, or websockets for MQTT over WebSocket."},
    {"listener_allow_anonymous", &ListenerOptions::listener_allow_anonymous, Reload::new_connections,
     "allow_anonymous for this listener alone."},
    {"listener_auto_id_prefix",
     Special<ListenerOptions>{read_listener_auto_id_prefix, show_listener_auto_id_prefix,
                              copy_fields<&ListenerOptions::listener_auto_id_prefix>},
     Reload::new_connections, "auto_id_prefix for this listener alone: at most 50 bytes."},
    {"max_connections", &ListenerOptions::max_connections, Range{-1, 2'147'483'647, -1, -1}, Reload::new_connections,
     "Clients connected through this listener at the same time. -1 or 0: no limit."},
    {"max_connection_rate", &ListenerOptions::max_connection_rate, Range{0, 1'000'000}, Reload::at_once,
     "Connections of one address (IPv6: of one /64) in a second, on average over ten; further ones are closed. Behind "
     "a "
     "proxy that tells the address they are refused when they send CONNECT. 0: no limit. Bramble's own."},
    {"max_publish_rate", &ListenerOptions::max_publish_rate, Range{0, 10'000'000}, Reload::at_once,
     "PUBLISH packets of one client in a second: one that sends more is read no faster. 0: no limit. Bramble's own."},
    {"max_publish_bytes_rate", &ListenerOptions::max_publish_bytes_rate, Range{}, Reload::at_once,
     "Bytes of PUBLISH packets of one client in a second: one that sends more is read no faster. 0: no limit. "
     "Bramble's "
     "own."},
    {"max_qos", Special<ListenerOptions>{read_max_qos, show_max_qos, copy_fields<&ListenerOptions::max_qos>},
     Reload::new_connections,
     "Highest QoS on this listener. MQTT 5 clients are told; a PUBLISH above it ends the connection. "
     "`maximum_qos` is the same."},
    {"max_topic_alias", &ListenerOptions::max_topic_alias, Range{0, 65535}, Reload::new_connections,
     "Topic Aliases an MQTT 5 client may set up on one connection. 0 refuses them."},
    {"max_topic_alias_broker", &ListenerOptions::max_topic_alias_broker, Range{0, 65535}, Reload::new_connections,
     "Topic Aliases the broker sets up towards an MQTT 5 client that allows them. 0: none."},
    {"accept_protocol_versions",
     Special<ListenerOptions>{
         read_protocol_versions, show_protocol_versions,
         copy_fields<&ListenerOptions::accept_v3, &ListenerOptions::accept_v4, &ListenerOptions::accept_v5>},
     Reload::new_connections, "Protocol versions let in, with commas between: 3 (MQTT 3.1), 4 (3.1.1), 5 (5.0)."},
    {"mount_point",
     Special<ListenerOptions>{read_mount_point, show_mount_point, copy_fields<&ListenerOptions::mount_point>},
     Reload::new_connections,
     "Put before every topic and filter of this listener's clients, and taken off again towards them: they live in a "
     "part of the topics that they take for the whole."},
    {"use_username_as_clientid", &ListenerOptions::use_username_as_clientid, Reload::new_connections,
     "The user name is the client id, so one user has one session. Clients without a user name are refused. With "
     "clientid_prefixes the id that a client sends has to begin so too."},
    {"enable_proxy_protocol", &ListenerOptions::enable_proxy_protocol, Range{1, 2, 0}, Reload::new_connections,
     "Expect a PROXY header of version 1 or 2, which says where the client is, on each connection. Only for listeners "
     "that nobody but the proxy reaches. 0: none."},
    {"proxy_protocol_v2_require_tls", &ListenerOptions::proxy_protocol_v2_require_tls, Reload::new_connections,
     "With enable_proxy_protocol 2: refuse clients that the header does not say came by TLS."},
    {"unix_socket_mode",
     Special<ListenerOptions>{read_unix_socket_mode, show_unix_socket_mode,
                              copy_fields<&ListenerOptions::unix_socket_mode>},
     Reload::at_once, "Who may use a listener that is a Unix socket, as chmod writes it. Bramble's own."},
    {"websockets_origin", &ListenerOptions::websockets_origin, Reload::new_connections,
     "Only web pages from here may open a WebSocket: https://example.org. May be given several times. Not given: any."},
    {"trusted_proxies", &ListenerOptions::trusted_proxies, Reload::new_connections,
     "Address of a proxy whose X-Forwarded-For is believed, with protocol websockets. May be given several times. "
     "Bramble's own."},
    {"http_dir", &ListenerOptions::http_dir, Reload::new_connections,
     "Folder whose files a listener with protocol websockets serves by HTTP."},
};

}  // namespace bramble
