#include "broker/config/refused_option.h"

#include <algorithm>
#include <array>

#include "broker/config/option_row.h"

namespace bramble {

namespace {

constexpr std::string_view kPlugins =
    "plugins of Mosquitto cannot be loaded, but for its own password file and acl file, which Bramble does itself: use "
    "password_file and acl_file. Keep a file with other plugins on Mosquitto";
constexpr std::string_view kEngines =
    "engines are gone from OpenSSL 3, and Bramble loads none: a key in a file (keyfile), encrypted if need be";

struct Row {
  std::string_view name;
  std::string_view as_it_is;  // the value that asks for what Bramble does anyway; empty: there is none
  std::string_view why;
};

constexpr auto kRows = std::to_array<Row>({
    {"auth_plugin", "", kPlugins},
    {"auth_plugin_deny_special_chars", "true", "it is about plugins, and there are none: take the line out"},
    {"enable_control_api", "false",
     "commands on $CONTROL are not answered; bramble-ctl asks over a socket of this machine. Take the line out"},
    {"global_plugin", "", kPlugins},
    {"plugin", "", kPlugins},
    {"plugin_load", "", kPlugins},
    {"plugin_use", "", kPlugins},
    {"tls_engine", "", kEngines},
    {"tls_engine_kpass_sha1", "", kEngines},
    {"tls_keyform", "pem", kEngines},
});
static_assert(std::ranges::is_sorted(kRows, {}, &Row::name));

enum class Kind : std::uint8_t { text, flag, number, words, topic, hex };

struct BridgeRow {
  std::string_view name;
  Kind kind = Kind::text;
  Range range{};
  std::string_view words{};  // with blanks between
};

constexpr auto kBridgeRows = std::to_array<BridgeRow>({
    {"address"},
    {"addresses"},
    {"bridge_alpn"},
    {"bridge_attempt_unsubscribe", Kind::flag},
    {"bridge_bind_address"},
    {"bridge_cafile"},
    {"bridge_capath"},
    {"bridge_certfile"},
    {"bridge_ciphers"},
    {"bridge_ciphers_tls1.3"},
    {"bridge_identity"},
    {"bridge_insecure", Kind::flag},
    {"bridge_keyfile"},
    {"bridge_max_packet_size", Kind::number, Range{0, 268'435'455}},
    {"bridge_max_topic_alias", Kind::number, Range{0, 65'535}},
    {"bridge_outgoing_retain", Kind::flag},
    {"bridge_protocol_version", Kind::words, Range{}, "mqttv31 mqttv311 mqttv50"},
    {"bridge_psk", Kind::hex},
    {"bridge_receive_maximum", Kind::number, Range{1, 65'535}},
    {"bridge_reload_type", Kind::words, Range{}, "lazy immediate"},
    {"bridge_require_ocsp", Kind::flag},
    {"bridge_session_expiry_interval", Kind::number, Range{0, kHighest<std::uint32_t>}},
    {"bridge_tcp_keepalive"},
    {"bridge_tcp_user_timeout", Kind::number, Range{0, kHighest<std::int32_t>}},
    {"bridge_tls_use_os_certs", Kind::flag},
    {"bridge_tls_version", Kind::words, Range{}, "tlsv1.2 tlsv1.3"},
    {"cleansession", Kind::flag},
    {"clientid"},
    {"connection"},
    {"idle_timeout", Kind::number, Range{1, kHighest<std::int32_t>}},
    {"keepalive_interval", Kind::number, Range{5, 65'535}},
    {"local_cleansession", Kind::flag},
    {"local_clientid"},
    {"local_password"},
    {"local_username"},
    {"notification_topic", Kind::topic},
    {"notifications", Kind::flag},
    {"notifications_local_only", Kind::flag},
    {"password"},
    {"remote_clientid"},
    {"remote_password"},
    {"remote_username"},
    {"restart_timeout"},
    {"round_robin", Kind::flag},
    {"start_type", Kind::words, Range{}, "automatic lazy once"},
    {"threshold", Kind::number, Range{1, kHighest<std::int32_t>}},
    {"topic"},
    {"try_private", Kind::flag},
    {"username"},
});
static_assert(std::ranges::is_sorted(kBridgeRows, {}, &BridgeRow::name));

template <class Rows>
auto* find(const Rows& rows, std::string_view name) {
  const auto row = std::ranges::lower_bound(rows, name, {}, [](const auto& each) { return each.name; });
  return row != rows.end() && row->name == name ? &*row : nullptr;
}

std::string wrong_word(std::string_view value, std::string_view words) {
  std::string_view left = words;
  while (!left.empty()) {
    const auto end = std::min(left.find(' '), left.size());
    if (value == left.substr(0, end)) return {};
    left.remove_prefix(std::min(end + 1, left.size()));
  }
  return std::string(value) + " is none of " + std::string(words);
}

}  // namespace

RefusedOption refused_option(std::string_view name, std::string_view value) {
  if (name.starts_with("plugin_opt_") || name.starts_with("auth_opt_")) {
    return {RefusedOption::Answer::refused, std::string(kPlugins)};
  }
  const Row* const row = find(kRows, name);
  if (row == nullptr) return {};
  if (!row->as_it_is.empty() && one_word(value) == row->as_it_is) return {RefusedOption::Answer::as_it_is, {}};
  return {RefusedOption::Answer::refused, std::string(row->why)};
}

bool is_bridge_option(std::string_view name) { return find(kBridgeRows, name) != nullptr; }

std::string check_bridge_option(std::string_view name, std::string_view value) {
  const BridgeRow* const row = find(kBridgeRows, name);
  if (row == nullptr) return {};
  bool flag = false;
  std::int64_t number = 0;
  switch (row->kind) {
    case Kind::text: return {};
    case Kind::flag: return read_value(flag, value, row->range);
    case Kind::number: return read_number(number, value, row->range);
    case Kind::words: return wrong_word(one_word(value), row->words);
    case Kind::topic:
      if (value.find_first_of("+#") != std::string_view::npos)
        return std::string(value) + " is not a topic: no + and #";
      return {};
    case Kind::hex:
      if (value.find_first_not_of("0123456789abcdefABCDEF") != std::string_view::npos || value.size() % 2 != 0) {
        return "is not a key in hexadecimal";
      }
      return {};
  }
  return {};
}

}  // namespace bramble
