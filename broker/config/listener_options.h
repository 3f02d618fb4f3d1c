#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "broker/config/option_row.h"
#include "core/mqtt/types.h"

namespace bramble {

/// Options of one listener. Each field has a row below.
struct ListenerOptions {
  std::uint16_t port = 1883;            ///< 0: the system picks one
  std::string bind_address;             ///< empty: all interfaces, IPv4 and IPv6
  std::optional<bool> allow_anonymous;  ///< set in every Config
  std::int32_t max_connections = -1;    ///< -1: no limit
  mqtt::Qos max_qos = mqtt::Qos::exactly_once;
  std::uint16_t max_topic_alias = 10;
  std::uint16_t max_topic_alias_broker = 10;
  bool accept_v3 = true, accept_v4 = true, accept_v5 = true;  ///< accept_protocol_versions 3,4,5
  // not options
  bool optional = false;    ///< not being able to open it is a warning: ::1 on a machine without IPv6
  std::string declared_at;  ///< FILE:LINE, for messages
};

std::string read_max_qos(ListenerOptions& options, std::string_view value);
std::string show_max_qos(const ListenerOptions& options);
std::string read_protocol_versions(ListenerOptions& options, std::string_view value);
std::string show_protocol_versions(const ListenerOptions& options);

/// `listener PORT [ADDRESS]` opens a listener and is no row; what follows it applies to it.
inline constexpr OptionRow<ListenerOptions> kListenerOptions[] = {
    {"port", &ListenerOptions::port, Range{0, 65535}, Reload::at_start,
     "Port of the default listener. Older form of `listener`. 0 lets the system pick a port, which Mosquitto does "
     "not."},
    {"bind_address", &ListenerOptions::bind_address, Reload::at_start,
     "Address or host name of the default listener. Older form of `listener`."},
    {"listener_allow_anonymous", &ListenerOptions::allow_anonymous, Reload::new_connections,
     "allow_anonymous for this listener alone."},
    {"max_connections", &ListenerOptions::max_connections, Range{-1, 2'147'483'647}, Reload::new_connections,
     "Clients connected through this listener at the same time. -1: no limit."},
    {"max_qos", Special<ListenerOptions>{read_max_qos, show_max_qos}, Reload::new_connections,
     "Highest QoS on this listener. MQTT 5 clients are told; a PUBLISH above it ends the connection. "
     "`maximum_qos` is the same."},
    {"max_topic_alias", &ListenerOptions::max_topic_alias, Range{0, 65535}, Reload::new_connections,
     "Topic Aliases an MQTT 5 client may set up on one connection. 0 refuses them."},
    {"max_topic_alias_broker", &ListenerOptions::max_topic_alias_broker, Range{0, 65535}, Reload::new_connections,
     "Topic Aliases the broker sets up towards an MQTT 5 client that allows them. 0: none."},
    {"accept_protocol_versions", Special<ListenerOptions>{read_protocol_versions, show_protocol_versions},
     Reload::new_connections, "Protocol versions let in, with commas between: 3 (MQTT 3.1), 4 (3.1.1), 5 (5.0)."},
};

}  // namespace bramble
