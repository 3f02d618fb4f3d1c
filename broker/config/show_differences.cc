// What a person who comes from Mosquitto has to know about his file.
#include <algorithm>
#include <array>
#include <fmt/format.h>

#include "broker/config/show.h"

namespace bramble {

namespace {

enum class When : std::uint8_t { given, given_without_listener, not_given, not_given_beside_listener };

struct Difference {
  std::string_view option;
  When when;
  std::string_view value;  // only if it begins like this
  std::string_view text;
};

constexpr std::string_view kSince21 = "new in Mosquitto 2.1: older ones stop at this line";
constexpr std::string_view kPersistence =
    "Mosquitto writes its database every autosave_interval and when it ends, so a crash loses what came since; Bramble "
    "writes bramble.db beside it, each second or before it acknowledges (durability)";
constexpr std::string_view kOwnPlugin = "Mosquitto's own plugin does what Bramble does itself, so it is not loaded";

constexpr auto kDifferences = std::to_array<Difference>({
    {"accept_protocol_versions", When::given, "", kSince21},
    {"acl_file", When::given, "",
     "Mosquitto knows `deny` since 2.0. A / in a user name or client id reaches into deeper levels by %u and %c in "
     "Mosquitto, and gets nothing in Bramble. A line that can only be a mistake stops Bramble's start"},
    {"allow_anonymous", When::not_given_beside_listener, "",
     "Mosquitto 1.x lets everyone in; 2.0, 2.1 and Bramble nobody without a user name, as soon as a listener is "
     "configured"},
    {"allow_anonymous", When::given_without_listener, "false",
     "Mosquitto from 2.0 to 2.0.20 lets everyone in all the same while no listener is configured; Bramble nobody"},
    {"allow_duplicate_messages", When::given, "", "deprecated in Mosquitto 2.1"},
    {"auth_plugin", When::given, "", kOwnPlugin},
    {"auto_id_prefix", When::given, "", "deprecated in Mosquitto 2.1 for listener_auto_id_prefix; Bramble knows both"},
    {"autosave_interval", When::given, "", kPersistence},
    {"autosave_on_changes", When::given, "", kPersistence},
    {"bind_address", When::given, "",
     "deprecated since Mosquitto 2.0: `listener PORT ADDRESS` says the same, in Bramble too"},
    {"bind_interface", When::given, "", "new in Mosquitto 1.6"},
    {"clientid_prefixes", When::given, "",
     "deprecated in Mosquitto 2.1. With use_username_as_clientid the user name has to begin so, too, in Bramble"},
    {"enable_proxy_protocol", When::given, "", kSince21},
    {"global_max_clients", When::given, "", kSince21},
    {"global_max_connections", When::given, "", kSince21},
    {"global_plugin", When::given, "", kOwnPlugin},
    {"http_dir", When::given, "",
     "Mosquitto 2.1 serves it from listeners with protocol http_api too, which Bramble has not"},
    {"listener_allow_anonymous", When::given, "", kSince21},
    {"listener_auto_id_prefix", When::given, "", kSince21},
    {"log_dest", When::given, "file",
     "when the file cannot be written Mosquitto from 1.6.11 on starts all the same; Bramble does not"},
    {"max_inflight_messages", When::not_given, "",
     "20 in all of them; MQTT 5 clients are told it as Receive Maximum since Mosquitto 2.0, and by Bramble"},
    {"max_keepalive", When::given, "",
     "Mosquitto before 2.0.12 holds only MQTT 5 clients to it; later ones and Bramble refuse older clients that ask "
     "for more"},
    {"max_packet_size", When::not_given, "",
     "no limit in Mosquitto 1.x and 2.0; 2,000,000 bytes in 2.1 and Bramble, and a client with a larger packet is cut "
     "off"},
    {"max_queued_messages", When::not_given, "", "100 in Mosquitto 1.x; 1000 in 2.0, 2.1 and Bramble"},
    {"max_queued_messages", When::given, "",
     "in Mosquitto since 2.0 it also counts QoS 0 messages to a client that is connected; in Bramble those go by "
     "max_output_bytes"},
    {"max_queued_messages", When::given, "0",
     "Mosquitto 2.0 had faults with 0 until 2.0.22; in Bramble it is no limit"},
    {"max_topic_alias_broker", When::given, "", kSince21},
    {"packet_buffer_size", When::given, "",
     "the read buffer of each connection in Mosquitto 2.1; in Bramble only the limit of a WebSocket's HTTP request"},
    {"password_file", When::given, "",
     "hashes by PBKDF2 ($7$) need Mosquitto 2.0, by Argon2id, which bramble-passwd makes if not told otherwise, 2.1. A "
     "line that is wrong, and a user for the second time, Mosquitto passes over; Bramble stops the start and names it"},
    {"password_file", When::not_given_beside_listener, "",
     "with allow_anonymous false Mosquitto 2.0 lets in whoever gives some user name; Bramble nobody"},
    {"per_listener_settings", When::given, "true",
     "deprecated in Mosquitto 2.1, and the same in all of them, Bramble too"},
    {"persistence", When::given, "true", kPersistence},
    {"persistence_file", When::given, "", kPersistence},
    {"persistence_location", When::given, "", kPersistence},
    {"plugin", When::given, "", kOwnPlugin},
    {"port", When::given, "", "deprecated since Mosquitto 2.0: `listener PORT` says the same, in Bramble too"},
    {"protocol", When::given, "websockets",
     "Mosquitto 1.x and 2.0 need libwebsockets for it, which not every package has; 2.1 and Bramble bring their own"},
    {"proxy_protocol_v2_require_tls", When::given, "", kSince21},
    {"psk_hint", When::given, "", "Mosquitto speaks no TLS 1.3 with pre-shared keys since 2.0.12"},
    {"retain_expiry_interval", When::given, "", "new in Mosquitto 2.0.21: older ones stop at this line"},
    {"retained_persistence", When::given, "true", kPersistence},
    {"retry_interval", When::given, "", "without effect in Mosquitto, and in Bramble"},
    {"set_tcp_nodelay", When::not_given, "",
     "false in every Mosquitto, so a small packet may wait 40 ms; true in Bramble"},
    {"tls_version", When::given, "",
     "exactly this version in Mosquitto 1.x; the lowest since 2.0 and in Bramble, which has 1.2 and 1.3 only"},
    {"user", When::given, "",
     "Mosquitto from 2.0 on changes to it before it reads certificates and opens ports; Bramble after its files are "
     "read "
     "and its ports are open, so a reload reads them as that account"},
    {"websockets_headers_size", When::given, "",
     "older name of packet_buffer_size, which it is called since Mosquitto 2.1"},
    {"websockets_log_level", When::given, "", "without effect in Mosquitto 2.1 and Bramble"},
    {"websockets_origin", When::given, "", kSince21},
});
static_assert(std::ranges::is_sorted(kDifferences, {}, &Difference::option));

constexpr std::string_view kOurs = ". Bramble's own.";  // how the help of such a row ends

template <class Rows>
bool is_ours(const Rows& rows, std::string_view option) {
  return std::ranges::any_of(rows, [&](const auto& row) { return row.name == option && row.help.ends_with(kOurs); });
}

bool ours_alone(std::string_view option) {
  return is_ours(kBrokerOptions, option) || is_ours(kListenerOptions, option) || is_ours(kTlsOptions, option);
}

bool several_certificates(const Config& config) {
  return std::ranges::any_of(config.listeners, [](const auto& each) { return each.tls.certfile.size() > 1; });
}

bool counts_if_given(When when, const Config& config) {
  return when == When::given || (when == When::given_without_listener && config.local_only);
}
bool counts_if_not_given(When when, const Config& config) {
  return when == When::not_given || (when == When::not_given_beside_listener && !config.local_only);
}

/// Where the option was given with such a value, with commas between; empty: nowhere.
std::string given_at(const Config& config, std::string_view option, std::string_view value) {
  std::string where;
  for (const ConfigLine& line : config.lines) {
    if (line.name == option && line.value.starts_with(value)) where += (where.empty() ? "" : ", ") + line.where;
  }
  return where;
}

/// The names that were given, each once, in the order of the file.
std::vector<std::string_view> names_of(const Config& config) {
  std::vector<std::string_view> names;
  for (const ConfigLine& line : config.lines) {
    if (std::ranges::find(names, line.name) == names.end()) names.push_back(line.name);
  }
  return names;
}

/// A whole line of the output.
std::string told(std::string_view where, std::string_view option, std::string_view text) {
  return fmt::format("  {}{}{}: {}\n", where, where.empty() ? "" : ": ", option, text);
}

}  // namespace

std::string show_differences(const Config& config) {
  std::string text = "Where Mosquitto and Bramble, or two versions of Mosquitto, make something else of this\n\n";
  if (config.local_only) {
    text += told("", "listener",
                 "none is given: Mosquitto 1.x serves every machine on port 1883; 2.0, 2.1 and Bramble this one only");
  }
  for (const std::string_view option : names_of(config)) {
    for (const Difference& known : kDifferences) {
      if (known.option != option || !counts_if_given(known.when, config)) continue;
      if (const std::string where = given_at(config, option, known.value); !where.empty())
        text += told(where, option, known.text);
    }
    if (ours_alone(option)) {
      text += told(given_at(config, option, ""), option, "Bramble's own: every Mosquitto stops at this line");
    } else if ((option == "certfile" || option == "keyfile") && several_certificates(config)) {
      text += told(given_at(config, option, ""), option,
                   "several of one listener are Bramble's own: Mosquitto 2.1 takes the last alone, older ones stop");
    }
  }
  for (const Difference& known : kDifferences) {
    if (!counts_if_not_given(known.when, config) || !given_at(config, known.option, "").empty()) continue;
    text += told("", fmt::format("{} (not given)", known.option), known.text);
  }
  return text;
}

}  // namespace bramble
