// What the options of one configuration have to do with each other.
#include <algorithm>
#include <array>

#include "broker/config/reading.h"

namespace bramble {

namespace {

/// An option that means something only beside another.
struct Alone {
  const char* option;
  bool given;
  bool has_what_it_needs;
  const char* why;
};

bool asks_for_nothing(const ListenerOptions& listener) {
  const TlsOptions& tls = listener.tls;
  return tls.on() && !tls.require_certificate && (tls.psk_hint.empty() || tls.use_subject_as_username);
}

/// Options that were given where they can do nothing.
void warn_of_no_effect(Config& config, const ListenerOptions& listener) {
  const auto warn = [&](std::string_view option, std::string_view why) {
    const auto given = listener.origins.find(option);
    if (given == listener.origins.end()) return;
    config.warnings.push_back(given->second + ": " + std::string(option) + ": has no effect: " + std::string(why) +
                              " (listener " + listener.declared_at + ")");
  };
  const bool by_header = listener.enable_proxy_protocol == 2;
  for (const auto& row : kTlsOptions) {
    if (listener.tls.on() || (row.name == "use_identity_as_username" && by_header)) continue;
    if (show_option(row, listener.tls) == show_option(row, TlsOptions{})) continue;
    warn(row.name, "without certfile or psk_hint there is no TLS here");
  }
  if (listener.unix_socket()) {
    warn("bind_interface", "a Unix socket is on no network device");
    warn("socket_domain", "a Unix socket is neither of IPv4 nor of IPv6");
  } else {
    warn("unix_socket_mode", "this is no Unix socket");
  }
  if (listener.protocol != Protocol::websockets) {
    for (const char* const option : {"http_dir", "trusted_proxies", "websockets_origin"}) {
      warn(option, "it is for protocol websockets");
    }
  }
  if (!by_header) warn("proxy_protocol_v2_require_tls", "it is for enable_proxy_protocol 2");
}

}  // namespace

std::vector<std::string> listener_errors(const Config& config, const ListenerOptions& listener) {
  const TlsOptions& tls = listener.tls;
  const bool certificates = !tls.certfile.empty();
  const bool authorities = !tls.cafile.empty() || !tls.capath.empty();
  constexpr const char* kNeedsTls = "needs certfile and keyfile: without them this listener would not be encrypted";
  const auto rules = std::to_array<Alone>({
      {"certfile", tls.certfile.size() > tls.keyfile.size(), false, "needs a keyfile for each certfile"},
      {"keyfile", tls.keyfile.size() > tls.certfile.size(), false, "needs a certfile for each keyfile"},
      {"cafile", !tls.cafile.empty(), certificates, kNeedsTls},
      {"capath", !tls.capath.empty(), certificates, kNeedsTls},
      {"require_certificate", tls.require_certificate, certificates, kNeedsTls},
      {"require_certificate", tls.require_certificate && certificates, authorities,
       "needs cafile or capath, to check clients' certificates with"},
      {"crlfile", !tls.crlfile.empty(), authorities, "needs cafile or capath, whose certificates it revokes"},
      {"use_identity_as_username", tls.use_identity_as_username,
       certificates || !tls.psk_hint.empty() || listener.enable_proxy_protocol == 2,
       "needs certfile, keyfile and require_certificate true, or psk_hint: who nobody has checked is nobody"},
      {"use_subject_as_username", tls.use_subject_as_username, certificates,
       "needs certfile, keyfile and require_certificate true: who nobody has checked is nobody"},
      {"ciphers", !tls.ciphers.empty(), tls.on(), kNeedsTls},
      {"ciphers_tls1.3", !tls.ciphers_tls1_3.empty(), tls.on(), kNeedsTls},
      {"psk_hint", !tls.psk_hint.empty(), !listener.auth.psk_file.empty(), "needs psk_file, which holds the keys"},
      {"proxy_protocol_v2_require_tls", listener.proxy_protocol_v2_require_tls, listener.enable_proxy_protocol == 2,
       "needs enable_proxy_protocol 2: only its header can say it"},
      {"enable_proxy_protocol", listener.enable_proxy_protocol != 0, !listener.unix_socket(),
       "is not for a Unix socket"},
      {"websockets_origin", !listener.websockets_origin.empty(), listener.protocol == Protocol::websockets,
       "needs protocol websockets"},
      {"http_dir", !listener.http_dir.empty(), listener.protocol == Protocol::websockets,
       "needs protocol websockets; http_api, which Mosquitto serves it with, is not in Bramble"},
  });
  std::vector<std::string> errors;
  for (const std::string& proxy : listener.trusted_proxies) {
    if (!is_address(proxy)) errors.push_back(config.at("trusted_proxies", proxy) + proxy + " is not an IP address");
  }
  for (const Alone& rule : rules) {
    if (rule.given && !rule.has_what_it_needs) {
      errors.push_back(config.at(rule.option) + rule.why + " (listener " + listener.declared_at + ")");
    }
  }
  return errors;
}

void warn_of_store_options(Config& config) {
  for (const char* const name : {"autosave_interval", "autosave_on_changes"}) {
    if (!config.origins.contains(name)) continue;
    config.warnings.push_back(config.at(name) +
                              "has no effect: durability_interval alone says how long what is "
                              "acknowledged may wait for the disk");
  }
  if (config.store.persistence) return;
  for (const char* const name : {"durability", "durability_interval", "persistence_file", "persistence_location"}) {
    if (!config.origins.contains(name)) continue;
    config.warnings.push_back(config.at(name) + "has no effect without `persistence true`: nothing is kept");
  }
}

void add_warnings(Config& config) {
  warn_of_store_options(config);
  for (const ListenerOptions& listener : config.listeners) {
    if (!listener.optional) warn_of_no_effect(config, listener);
    const bool by_certificate = listener.tls.use_identity_as_username || listener.tls.use_subject_as_username;
    if (by_certificate && asks_for_nothing(listener)) {
      config.warnings.push_back(listener.declared_at + ": nobody can log in on port " + std::to_string(listener.port) +
                                ": its users are those that certificates name, and it asks for none. "
                                "`require_certificate true` and a cafile do");
    }
    if (listener.optional || *listener.auth.allow_anonymous || !listener.auth.password_file.empty() || by_certificate) {
      continue;
    }
    config.warnings.push_back(listener.declared_at + ": nobody can log in on port " + std::to_string(listener.port) +
                              ": clients without a user name are refused, and no password_file says who else may. "
                              "`bramble-passwd -c FILE USER` makes one; `allow_anonymous true` lets everyone in who "
                              "reaches the port");
  }
}

}  // namespace bramble
