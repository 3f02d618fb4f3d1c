#include "broker/config/not_here_yet.h"

#include <algorithm>
#include <array>
#include <cstdint>

#include "broker/config/option_row.h"

namespace bramble {

namespace {

enum class Area : std::uint8_t { login, tls, listener, bridge, websocket, store, plugin, other };

std::string_view advice(Area area) {
  switch (area) {
    case Area::login:
      return "this file would protect less than it says, so Bramble does not start with it. Keep it on Mosquitto, or "
             "take "
             "the line out if everybody who reaches the port may do everything";
    case Area::tls:
      return "traffic would not be encrypted or checked as this file says, so Bramble does not start with it. Put a "
             "TLS "
             "proxy in front and take the line out";
    case Area::listener: return "take the line out, or leave this listener to Mosquitto";
    case Area::bridge: return "take the bridge out of this file; mosquitto or another client can carry the messages";
    case Area::websocket: return "take the listener out, or put a WebSocket proxy in front of a plain one";
    case Area::store: return "nothing is kept across restarts yet";
    case Area::plugin:
      return "plugins of Mosquitto cannot be loaded. Keep this file on Mosquitto, or take the line out";
    case Area::other: return "take the line out if the broker may do without it";
  }
  return {};
}

struct Row {
  std::string_view name;
  Area area;
  std::string_view as_it_is;  // the value that asks for what Bramble does anyway; empty: there is none
};

constexpr auto kRows = std::to_array<Row>({
    {"acl_file", Area::login, ""},
    {"address", Area::bridge, ""},
    {"addresses", Area::bridge, ""},
    {"allow_duplicate_messages", Area::other, "true"},
    {"auth_plugin", Area::plugin, ""},
    {"auth_plugin_deny_special_chars", Area::plugin, ""},
    {"autosave_interval", Area::store, ""},
    {"autosave_on_changes", Area::store, "false"},
    {"bind_interface", Area::listener, ""},
    {"bridge_alpn", Area::bridge, ""},
    {"bridge_attempt_unsubscribe", Area::bridge, ""},
    {"bridge_bind_address", Area::bridge, ""},
    {"bridge_cafile", Area::bridge, ""},
    {"bridge_capath", Area::bridge, ""},
    {"bridge_certfile", Area::bridge, ""},
    {"bridge_ciphers", Area::bridge, ""},
    {"bridge_ciphers_tls1.3", Area::bridge, ""},
    {"bridge_identity", Area::bridge, ""},
    {"bridge_insecure", Area::bridge, ""},
    {"bridge_keyfile", Area::bridge, ""},
    {"bridge_max_packet_size", Area::bridge, ""},
    {"bridge_max_topic_alias", Area::bridge, ""},
    {"bridge_outgoing_retain", Area::bridge, ""},
    {"bridge_protocol_version", Area::bridge, ""},
    {"bridge_psk", Area::bridge, ""},
    {"bridge_receive_maximum", Area::bridge, ""},
    {"bridge_reload_type", Area::bridge, ""},
    {"bridge_require_ocsp", Area::bridge, ""},
    {"bridge_session_expiry_interval", Area::bridge, ""},
    {"bridge_tcp_keepalive", Area::bridge, ""},
    {"bridge_tcp_user_timeout", Area::bridge, ""},
    {"bridge_tls_use_os_certs", Area::bridge, ""},
    {"bridge_tls_version", Area::bridge, ""},
    {"cafile", Area::tls, ""},
    {"capath", Area::tls, ""},
    {"certfile", Area::tls, ""},
    {"check_retain_source", Area::login, "true"},
    {"ciphers", Area::tls, ""},
    {"ciphers_tls1.3", Area::tls, ""},
    {"cleansession", Area::bridge, ""},
    {"clientid", Area::bridge, ""},
    {"clientid_prefixes", Area::login, ""},
    {"connection", Area::bridge, ""},
    {"crlfile", Area::tls, ""},
    {"dhparamfile", Area::tls, ""},
    {"disable_client_cert_date_checks", Area::tls, "false"},
    {"enable_control_api", Area::other, "false"},
    {"enable_proxy_protocol", Area::listener, ""},
    {"global_max_clients", Area::other, "-1"},
    {"global_max_connections", Area::other, "-1"},
    {"global_plugin", Area::plugin, ""},
    {"http_dir", Area::listener, ""},
    {"idle_timeout", Area::bridge, ""},
    {"keepalive_interval", Area::bridge, ""},
    {"keyfile", Area::tls, ""},
    {"listener_auto_id_prefix", Area::listener, ""},
    {"local_cleansession", Area::bridge, ""},
    {"local_clientid", Area::bridge, ""},
    {"local_password", Area::bridge, ""},
    {"local_username", Area::bridge, ""},
    {"log_facility", Area::other, ""},
    {"memory_limit", Area::other, "0"},
    {"mount_point", Area::login, ""},
    {"notification_topic", Area::bridge, ""},
    {"notifications", Area::bridge, ""},
    {"notifications_local_only", Area::bridge, ""},
    {"packet_buffer_size", Area::other, ""},
    {"password", Area::bridge, ""},
    {"password_file", Area::login, ""},
    {"per_listener_settings", Area::login, "false"},
    {"persistence_file", Area::store, ""},
    {"persistence_location", Area::store, ""},
    {"plugin", Area::plugin, ""},
    {"plugin_load", Area::plugin, ""},
    {"plugin_use", Area::plugin, ""},
    {"protocol", Area::websocket, "mqtt"},
    {"proxy_protocol_v2_require_tls", Area::tls, "false"},
    {"psk_file", Area::login, ""},
    {"psk_hint", Area::tls, ""},
    {"remote_clientid", Area::bridge, ""},
    {"remote_password", Area::bridge, ""},
    {"remote_username", Area::bridge, ""},
    {"require_certificate", Area::tls, "false"},
    {"restart_timeout", Area::bridge, ""},
    {"retain_expiry_interval", Area::other, ""},
    {"retained_persistence", Area::store, "false"},
    {"round_robin", Area::bridge, ""},
    {"socket_domain", Area::listener, ""},
    {"start_type", Area::bridge, ""},
    {"threshold", Area::bridge, ""},
    {"tls_engine", Area::tls, ""},
    {"tls_engine_kpass_sha1", Area::tls, ""},
    {"tls_keyform", Area::tls, ""},
    {"tls_version", Area::tls, ""},
    {"topic", Area::bridge, ""},
    {"try_private", Area::bridge, ""},
    {"use_identity_as_username", Area::tls, "false"},
    {"use_subject_as_username", Area::tls, "false"},
    {"use_username_as_clientid", Area::login, "false"},
    {"username", Area::bridge, ""},
    {"websockets_headers_size", Area::websocket, ""},
    {"websockets_log_level", Area::websocket, ""},
    {"websockets_origin", Area::websocket, ""},
});
static_assert(std::ranges::is_sorted(kRows, {}, &Row::name));

constexpr Row kPluginOption{"plugin_opt_*", Area::plugin, ""};

const Row* find(std::string_view name) {
  if (name.starts_with("plugin_opt_") || name.starts_with("auth_opt_")) return &kPluginOption;
  const auto row = std::ranges::lower_bound(kRows, name, {}, &Row::name);
  return row != kRows.end() && row->name == name ? &*row : nullptr;
}

}  // namespace

NotHereYet not_here_yet(std::string_view name, std::string_view value) {
  const Row* const row = find(name);
  if (row == nullptr) return {};
  if (!row->as_it_is.empty() && one_word(value) == row->as_it_is) return {NotHereYet::Answer::as_it_is, {}};
  if (row->area == Area::store) {
    return {NotHereYet::Answer::without_effect, "has no effect: " + std::string(advice(row->area))};
  }
  return {NotHereYet::Answer::refused, "known to Mosquitto, not in Bramble yet: " + std::string(advice(row->area))};
}

}  // namespace bramble
