#include "broker/config/show.h"

#include <fmt/format.h>

namespace bramble {

namespace {

template <class Options, class Rows>
std::string rows_of(const Rows& rows, const Options& options, const Origins& origins) {
  std::string text;
  for (const auto& row : rows) {
    const std::string value = show_option(row, options);
    text += fmt::format("  {:<32} {:<24} {}\n", row.name, value.empty() ? "-" : value, where_from(row.name, origins));
  }
  return text;
}

}  // namespace

std::string where_from(std::string_view option, const Origins& origins) {
  const auto given = origins.find(option);
  return given == origins.end() ? "default" : given->second;
}

std::string listener_name(const ListenerOptions& listener) {
  if (listener.unix_socket()) return "Unix socket " + listener.bind_address;
  return fmt::format("port {} of {}", listener.port,
                     listener.bind_address.empty() ? "all addresses" : listener.bind_address);
}

std::string show_options(const Config& config) {
  std::string text = "Every option: its value (-: none), and where that comes from\n\nthe whole broker\n";
  text += rows_of(kBrokerOptions, config.broker, config.origins);
  text += rows_of(kStoreOptions, config.store, config.origins);
  for (const ListenerOptions& listener : config.listeners) {
    if (listener.optional) continue;  // like the one before it, but for its address
    text += fmt::format("\n{} ({})\n", listener_name(listener), listener.declared_at);
    text += rows_of(kListenerOptions, listener, listener.origins);
    text += rows_of(kTlsOptions, listener.tls, listener.origins);
    text += rows_of(kAuthOptions, listener.auth, listener.origins);
  }
  return text;
}

std::string show_config(const Config& config) {
  return show_options(config) + "\n" + show_security(config) + "\n" + show_differences(config);
}

}  // namespace bramble
