// What the lines of a configuration make together: which listeners open, and who may log in there.
#include <algorithm>
#include <array>

#include "broker/config/reading.h"

namespace bramble {

namespace {

constexpr std::uint16_t kDefaultPort = 1883;
constexpr std::size_t kErrorsShown = 20;

// Options that open the default listener whenever they are given, and those that do with another value than they have
// anyway; so do those of TLS, but for tls_version. As in Mosquitto.
constexpr auto kOpen = std::to_array<std::string_view>({"port", "bind_address"});
constexpr auto kOpenByValue = std::to_array<std::string_view>(
    {"bind_interface", "max_connections", "max_qos", "protocol", "socket_domain", "use_username_as_clientid"});
// Those that need a `listener` above them, even if there is none at all.
constexpr auto kOfListenersOnly = std::to_array<std::string_view>({"accept_protocol_versions", "mount_point"});
// Those that nobody misses where the default listener stays closed.
constexpr auto kHarmless = std::to_array<std::string_view>({"max_topic_alias"});

constexpr const char* kForNone =
    "stands before any listener, so it is for none: write it below the `listener` line it "
    "is for";

template <class Names>
bool is_in(const Names& names, std::string_view name) {
  return std::ranges::find(names, name) != names.end();
}

/// Is there such a row, and has its field another value than it has without any line?
template <class Options, class Rows>
bool changed(const Rows& rows, std::string_view name, const Options& options) {
  const auto row = std::ranges::find(rows, name, &OptionRow<Options>::name);
  return row != std::end(rows) && show_option(*row, options) != show_option(*row, Options{});
}

bool changes(std::string_view name, const ListenerOptions& listener) {
  return changed(kListenerOptions, name, listener) || changed(kTlsOptions, name, listener.tls);
}

bool of_login(std::string_view name) {
  return std::ranges::find(kAuthOptions, name, &OptionRow<AuthOptions>::name) != std::end(kAuthOptions);
}

bool opens(std::string_view name, const ListenerOptions& listener) {
  if (is_in(kOpen, name)) return true;
  if (is_in(kOpenByValue, name)) return changes(name, listener);
  return name != "tls_version" && changed(kTlsOptions, name, listener.tls);
}

}  // namespace

OrMessage<Config> Reading::finish(const std::vector<std::uint16_t>& ports) {
  for (const auto& [file, plugin] : plugin_of_file_) end_plugin(plugin);
  const bool alone = config_.listeners.empty();
  if (default_opens()) {
    config_.listeners.push_back(default_listener_);
  } else {
    check_login_for_none();
    if (alone) {
      config_.local_only = true;
      open_loopback(ports);
    } else {
      check_options_for_none();
    }
  }
  check_places();
  if (!config_.local_only && !ports.empty()) {
    config_.warnings.emplace_back("-p is not used: the configuration file says where to listen");
  }
  resolve_login();
  for (const ListenerOptions& listener : config_.listeners) {
    if (listener.optional) continue;
    std::ranges::move(listener_errors(config_, listener), std::back_inserter(errors_));
  }
  if (!errors_.empty()) return tl::unexpected<std::string>(all_errors());
  warn_of_default(alone);
  add_warnings(config_);
  return std::move(config_);
}

std::string Reading::all_errors() const {
  std::string all;
  for (std::size_t i = 0; i < std::min(errors_.size(), kErrorsShown); ++i) all += (i == 0 ? "" : "\n") + errors_[i];
  if (errors_.size() > kErrorsShown) all += "\n... and " + std::to_string(errors_.size() - kErrorsShown) + " more";
  return all;
}

bool Reading::default_opens() {
  for (const auto& [line, name] : default_options_) {
    if (is_in(kOfListenersOnly, name)) add_error(line, kForNone);
    if (default_listener_.declared_at.empty() && opens(name, default_listener_)) {
      default_listener_.declared_at = line.where;
    }
  }
  return !default_listener_.declared_at.empty();
}

void Reading::check_options_for_none() {
  for (const auto& [line, name] : default_options_) {
    if (!changes(name, default_listener_) || is_in(kOfListenersOnly, name)) continue;
    if (is_in(kHarmless, name)) {
      add_warning(line.where, line.name + ": " + kForNone);
    } else {
      add_error(line, kForNone);
    }
  }
}

void Reading::check_login_for_none() {
  for (const auto& [line, name] : default_options_) {
    if (of_login(name)) add_error(line, kForNoLogin);
  }
}

void Reading::check_places() {
  std::map<ListenerOptions::Place, const ListenerOptions*> taken;
  for (const ListenerOptions& listener : config_.listeners) {
    if (listener.optional || (listener.port == 0 && !listener.unix_socket())) continue;
    const auto [before, first] = taken.try_emplace(listener.place(), &listener);
    if (first) continue;
    errors_.push_back(listener.declared_at + ": listens where the listener at " + before->second->declared_at +
                      " does: take one of the two out, or give it another port or address");
  }
}

void Reading::warn_of_default(bool alone) {
  if (default_listener_.declared_at.empty() || default_has_address_) return;
  const std::string& interface = default_listener_.bind_interface;
  const std::string where =
      "on port " + std::to_string(default_listener_.port) + " of " + (interface.empty() ? "all addresses" : interface);
  const char* const text = alone ? "opens the default listener, as there is no `listener` line, "
                                 : "stands before any listener, so the default listener opens too, ";
  add_warning(default_listener_.declared_at, text + where);
}

void Reading::open_loopback(const std::vector<std::uint16_t>& ports) {
  const bool asked_for = !ports.empty();
  for (const std::uint16_t port : asked_for ? ports : std::vector<std::uint16_t>{kDefaultPort}) {
    for (const char* const address : {"127.0.0.1", "::1"}) {
      ListenerOptions& listener = config_.listeners.emplace_back(default_listener_);
      listener.port = port;
      listener.bind_address = address;
      listener.optional = listener.bind_address == "::1";
      if (asked_for) listener.origins["port"] = "-p";
      listener.declared_at = asked_for ? "-p " + std::to_string(port) : "without a listener configured";
    }
  }
}

void Reading::resolve_login() {
  for (ListenerOptions& listener : config_.listeners) resolve_login(listener);
}

void Reading::resolve_login(ListenerOptions& listener) {
  Origins& origins = listener.origins;
  if (!config_.broker.per_listener_settings) listener.auth = config_.auth;
  for (const auto& row : kAuthOptions) {
    const auto given = config_.origins.find(row.name);
    if (given == config_.origins.end()) continue;
    const auto [own, only] = origins.insert(*given);
    if (only) {
      copy_option(row, config_.auth, listener.auth);
    } else {
      errors_.push_back(own->second + ": " + std::string(row.name) + ": given for every listener at " + given->second +
                        ", too: take one of the two lines out");
    }
  }
  if (listener.listener_allow_anonymous) {
    listener.auth.allow_anonymous = listener.listener_allow_anonymous;
    origins["allow_anonymous"] = origins["listener_allow_anonymous"];
  }
  if (!listener.listener_auto_id_prefix.empty()) {
    listener.auth.auto_id_prefix = listener.listener_auto_id_prefix;
    origins["auto_id_prefix"] = origins["listener_auto_id_prefix"];
  }
  if (!listener.auth.allow_anonymous) listener.auth.allow_anonymous = config_.local_only;
}

}  // namespace bramble
