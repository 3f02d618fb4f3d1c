#include "broker/config/reference.h"

#include <span>
#include <string_view>

#include "broker/config/config.h"

namespace bramble {

namespace {

constexpr std::size_t kWidth = 100;

// Words of `text` behind "# ", in lines that fit.
std::string comment(std::string_view text) {
  std::string lines, line = "#";
  while (!text.empty()) {
    const auto end = std::min(text.find(' '), text.size());
    if (line.size() + 1 + end > kWidth) {
      lines += line + "\n";
      line = "#";
    }
    line += " " + std::string(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines + line + "\n";
}

template <class Options, class Rows>
std::string section(std::string_view title, const Rows& rows, const Options& defaults) {
  std::string text = "\n# --- " + std::string(title) + "\n";
  for (const auto& row : rows) {
    const std::string value = show_option(row, defaults);
    text += "\n" + comment(row.help);
    text += "#" + std::string(row.name) + (value.empty() ? "" : " " + value) + "\n";
  }
  return text;
}

}  // namespace

std::string config_reference() {
  constexpr std::size_t kOfDefault = 2;  // port and bind_address
  const auto listener = std::span(kListenerOptions);
  return comment(
             "Every option of Bramble with its default; one without a value is not given. Made by "
             "make_config_reference "
             "from the rows in broker/config: change it there.") +
         section("the whole broker", kBrokerOptions, BrokerOptions{}) +
         section("who may log in", kAuthOptions, AuthOptions{}) +
         section("what survives a restart", kStoreOptions, StoreOptions{}) + "\n# --- more files\n\n" +
         comment(
             "Reads every *.conf of a folder in its place: letter by letter, the upper case of a letter before its "
             "lower case. Only the main file may have it.") +
         "#include_dir\n" +
         section("the default listener: above any `listener`", listener.first(kOfDefault), ListenerOptions{}) +
         "\n# --- listeners\n\n" +
         comment(
             "Opens a listener: a port, and an address or host name if it is not to be on all interfaces. Port 0 and "
             "a path open a Unix socket; port 0 and an IP address let the system pick a port of it, which is "
             "Bramble's own: in Mosquitto it is a path, too. The options below apply to the listener they follow. "
             "Before any they apply to the default listener, on port "
             "1883 of all addresses: it opens by `port`, `bind_address`, and, with another value than their default, "
             "bind_interface, max_connections, max_qos, protocol, socket_domain, use_username_as_clientid and the "
             "options of TLS but tls_version.") +
         "#listener 1883\n" + section("of one listener", listener.subspan(kOfDefault), ListenerOptions{}) +
         section("TLS of one listener", kTlsOptions, TlsOptions{});
}

}  // namespace bramble
