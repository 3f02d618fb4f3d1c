#include "broker/config/reading.h"

#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <limits>
#include <span>

#include "broker/config/near_miss.h"
#include "broker/config/refused_option.h"

namespace bramble {

namespace {

constexpr const char* kPortNone = "port 0 is for a Unix socket: `listener 0 /run/bramble.sock`";
constexpr std::size_t kLineBytesMax = 4096;

// Other names of options that have a row.
struct Alias {
  std::string_view name, means;
};
constexpr auto kAliases = std::to_array<Alias>({{"maximum_qos", "max_qos"},
                                                {"retained_persistence", "persistence"},
                                                {"websockets_headers_size", "packet_buffer_size"}});

// Options that belong to the default listener wherever they stand.
constexpr auto kOnlyDefault = std::to_array<std::string_view>({"port", "bind_address"});

// Those of which each line counts.
constexpr auto kMayRepeat = std::to_array<std::string_view>(
    {"log_dest", "log_type", "certfile", "keyfile", "websockets_origin", "trusted_proxies"});

// Text whose field is no string. Of text one line only is taken; of numbers and flags the last counts.
constexpr auto kText =
    std::to_array<std::string_view>({"auto_id_prefix", "clientid_prefixes", "control_socket", "listener_auto_id_prefix",
                                     "log_timestamp_format", "mount_point", "tls_version"});

// With per_listener_settings both set the same of a listener.
struct Twin {
  std::string_view name, of_listener;
};
constexpr auto kTwins = std::to_array<Twin>(
    {{"allow_anonymous", "listener_allow_anonymous"}, {"auto_id_prefix", "listener_auto_id_prefix"}});

// What an option given twice was given to, if not to the listener of that number.
constexpr std::size_t kWholeBroker = std::numeric_limits<std::size_t>::max();
constexpr std::size_t kDefaultListener = kWholeBroker - 1;

template <class Rows>
auto* find_row(const Rows& rows, std::string_view name) {
  const auto row = std::ranges::find_if(rows, [&](const auto& each) { return each.name == name; });
  return row == std::end(rows) ? nullptr : &*row;
}

bool is_in(std::span<const std::string_view> names, std::string_view name) {
  return std::ranges::find(names, name) != names.end();
}

template <class Options>
bool is_text(const OptionRow<Options>& row) {
  return std::holds_alternative<std::string Options::*>(row.field) || is_in(kText, row.name);
}

// What is wrong with the bytes of a line, whatever it says; empty: nothing. So each error stays one readable line.
std::string wrong_bytes(const ConfigLine& line) {
  const std::size_t size = line.name.size() + line.value.size();
  if (size > kLineBytesMax) return fmt::format("a line of {} bytes: at most {}", size, kLineBytesMax);
  for (const char letter : line.name + line.value) {
    const auto byte = static_cast<unsigned char>(letter);
    if ((byte < 0x20 && byte != '\t') || byte == 0x7F) return fmt::format("holds the byte 0x{:02X}: take it out", byte);
  }
  return {};
}

std::string_view last_part(std::string_view path) { return path.substr(path.rfind('/') + 1); }

}  // namespace

std::string_view meant_by(std::string_view name) {
  const Alias* const alias = find_row(kAliases, name);
  return alias == nullptr ? name : alias->means;
}

template <class Options, class Rows>
bool Reading::read_into(Options& options, const Rows& rows, const ConfigLine& line, std::string_view name,
                        std::size_t given_to) {
  const auto* const row = find_row(rows, name);
  if (row == nullptr) return false;
  const bool may_repeat = is_in(kMayRepeat, row->name);
  if (!may_repeat) note_repeat(line, given_to, row->name, is_text(*row));
  if (const std::string wrong = read_option(*row, options, line.value); !wrong.empty()) add_error(line, wrong);
  std::string& origin = origins_of(given_to)[row->name];
  origin = may_repeat && !origin.empty() ? origin + ", " + line.where : line.where;
  return true;
}

void Reading::read(const ConfigLine& line) {
  config_.lines.push_back(line);
  if (const std::string wrong = wrong_bytes(line); !wrong.empty()) return errors_.push_back(line.where + ": " + wrong);
  const std::string_view name = meant_by(line.name);
  if (line.value.empty()) return add_error(line, "needs a value behind it");
  if (name == "listener") return read_listener(line);
  if (name == "log_dest" && is_second_log_file(line)) return;
  if (name == "per_listener_settings") return read_per_listener_settings(line);
  if (read_of_listener(line, name) || read_of_login(line, name) || read_plugin(line)) return;
  if (read_into(config_.broker, kBrokerOptions, line, name, kWholeBroker)) return;
  if (read_into(config_.store, kStoreOptions, line, name, kWholeBroker)) return;
  read_other(line);
}

void Reading::read_listener(const ConfigLine& line) {
  const auto port_end = std::min(line.value.find_first_of(" \t"), line.value.size());
  const std::string port = line.value.substr(0, port_end);
  ListenerOptions listener;
  listener.declared_at = line.where;
  if (const auto wrong = read_option(kListenerOptions[0], listener, port); !wrong.empty()) add_error(line, wrong);
  const auto address = std::min(line.value.find_first_not_of(" \t", port_end), line.value.size());
  const auto rest = std::string_view(line.value).substr(address);
  if (!rest.starts_with('#')) listener.bind_address = one_word(rest);
  const bool one = listener.bind_address.find_first_of(" \t") == std::string::npos;
  if (listener.port == 0 && one && !listener.bind_address.empty() && !is_address(listener.bind_address) &&
      !listener.unix_socket()) {
    listener.bind_address.insert(0, "./");
  }
  listener.origins["port"] = line.where;
  if (!listener.bind_address.empty()) listener.origins["bind_address"] = line.where;
  if (listener.unix_socket() && listener.port != 0) {
    add_error(line, "a Unix socket has no port: `listener 0 " + listener.bind_address + "`");
  } else if (listener.port == 0 && listener.bind_address.empty()) {
    add_error(line, kPortNone);
  } else if (!listener.unix_socket() && !one) {
    add_error(line, listener.bind_address + " is not an address: a port, and one address or host name behind it");
  }
  listener_of_file_[line.file] = config_.listeners.size();
  default_below_.erase(line.file);
  config_.listeners.push_back(std::move(listener));
}

std::size_t Reading::number_at(const ConfigLine& line) const {
  const auto current = listener_of_file_.find(line.file);
  return current == listener_of_file_.end() ? kDefaultListener : current->second;
}

ListenerOptions& Reading::listener_of(std::size_t given_to) {
  return given_to == kDefaultListener ? default_listener_ : config_.listeners[given_to];
}

Origins& Reading::origins_of(std::size_t given_to) {
  return given_to == kWholeBroker ? config_.origins : listener_of(given_to).origins;
}

bool Reading::read_of_listener(const ConfigLine& line, std::string_view name) {
  const bool to_default = is_in(kOnlyDefault, name);
  const std::size_t number = to_default ? kDefaultListener : number_at(line);
  ListenerOptions& listener = listener_of(number);
  if (!read_into(listener, kListenerOptions, line, name, number) &&
      !read_into(listener.tls, kTlsOptions, line, name, number)) {
    return false;
  }
  replace_twin(line, name);
  if (number != kDefaultListener) {
    check_order(line);
    return true;
  }
  default_options_.push_back({line, std::string(name)});
  default_of_file_.insert(line.file);
  if (!to_default) return true;
  default_has_address_ = true;
  if (listener_of_file_.contains(line.file)) default_below_.try_emplace(line.file, line);
  if (name == "port" && listener.port == 0) add_error(line, kPortNone);
  if (name == "bind_address" && listener.unix_socket()) {
    add_error(line, "is for an address; a Unix socket is opened by `listener 0 " + listener.bind_address + "`");
  }
  return true;
}

void Reading::check_order(const ConfigLine& line) {
  const auto below = default_below_.find(line.file);
  if (below == default_below_.end()) return;
  const std::string& other = below->second.name;
  add_error(line, "is for the listener at " + listener_of(number_at(line)).declared_at +
                      " in Mosquitto 2.0, and for the default listener in 2.1, as `" + other + "` stands between, at " +
                      below->second.where + ": move `" + other + "` above the first `listener`, or write `listener " +
                      (other == "port" ? below->second.value : "PORT ADDRESS") + "` in its place");
}

void Reading::replace_twin(const ConfigLine& line, std::string_view name) {
  if (!config_.broker.per_listener_settings) return;
  const std::size_t number = number_at(line);
  ListenerOptions& listener = listener_of(number);
  for (const Twin& twin : kTwins) {
    if (name != twin.name && name != twin.of_listener) continue;
    const auto before = listener.origins.find(name == twin.name ? twin.of_listener : twin.name);
    if (before == listener.origins.end()) return;
    add_warning(line.where,
                fmt::format("{}: {} at {} sets the same; this one counts", line.name, before->first, before->second));
    seen_.erase({number, before->first});
    if (name == twin.name) copy_option(*find_row(kListenerOptions, twin.of_listener), ListenerOptions{}, listener);
    listener.origins.erase(before);
  }
}

/// Whether `true` is taken back by `false` is not the same in all versions.
void Reading::read_per_listener_settings(const ConfigLine& line) {
  const bool before = config_.broker.per_listener_settings;
  const std::string given_at = config_.origins["per_listener_settings"];
  read_into(config_.broker, kBrokerOptions, line, line.name, kWholeBroker);
  const bool now = config_.broker.per_listener_settings;
  config_.broker.per_listener_settings = before || now;
  if (before && !now) {
    return add_error(
        line, "is true at " + given_at + ", which Mosquitto 2.1 keeps and 2.0 does not: take one of the two lines out");
  }
  if (now && !first_login_option_.empty()) {
    add_error(line, "stands below an option that it is about, at " + first_login_option_ + ": move it above");
  }
}

bool Reading::read_of_login(const ConfigLine& line, std::string_view name) {
  if (find_row(kAuthOptions, name) == nullptr) return false;
  note_login(line, name);
  return read_login_of(config_.broker.per_listener_settings ? number_at(line) : kWholeBroker, line, name);
}

bool Reading::read_login_of(std::size_t given_to, const ConfigLine& line, std::string_view name) {
  AuthOptions& options = given_to == kWholeBroker ? config_.auth : listener_of(given_to).auth;
  if (given_to != kWholeBroker) replace_twin(line, name);
  return read_into(options, kAuthOptions, line, name, given_to);
}

void Reading::note_login(const ConfigLine& line, std::string_view name) {
  if (first_login_option_.empty()) first_login_option_ = line.where;
  if (!config_.broker.per_listener_settings) return;
  if (number_at(line) != kDefaultListener) return check_order(line);
  if (default_of_file_.contains(line.file)) {
    default_options_.push_back({line, std::string(name)});
  } else {
    add_error(line, kForNoLogin);
  }
}

/// Mosquitto 2.1 recommends plugins of its own for what its password_file and acl_file do.
bool Reading::read_plugin(const ConfigLine& line) {
  if (line.name != "plugin" && line.name != "global_plugin" && line.name != "auth_plugin") {
    return read_plugin_option(line);
  }
  Plugin& plugin = plugin_of_file_[line.file];
  end_plugin(plugin);
  const std::string_view file = last_part(line.value);
  const bool own = config_.broker.per_listener_settings && line.name != "global_plugin";
  plugin = {file == "mosquitto_password_file.so" ? "password_file"
            : file == "mosquitto_acl_file.so"    ? "acl_file"
                                                 : "",
            line, own ? number_at(line) : kWholeBroker};
  if (plugin.does.empty()) return false;
  if (own) {
    note_login(line, plugin.does);
  } else if (first_login_option_.empty()) {
    first_login_option_ = line.where;
  }
  return true;
}

bool Reading::read_plugin_option(const ConfigLine& line) {
  const auto found = plugin_of_file_.find(line.file);
  for (const std::string_view prefix : {"plugin_opt_", "auth_opt_"}) {
    if (!line.name.starts_with(prefix)) continue;
    const std::string_view option = std::string_view(line.name).substr(prefix.size());
    if (found == plugin_of_file_.end() && (option == "password_file" || option == "acl_file")) {
      add_error(line, "needs its `plugin` line above it in the same file");
      return true;
    }
    if (found == plugin_of_file_.end() || found->second.does != option) return false;
    found->second.has_file = true;
    return read_login_of(found->second.given_to, line, option);  // of all listeners: finish() gives it to each
  }
  return false;
}

void Reading::end_plugin(const Plugin& plugin) {
  if (plugin.does.empty() || plugin.has_file) return;
  add_error(plugin.line, "has no file to go by, so nothing would be checked: write `plugin_opt_" +
                             std::string(plugin.does) + " FILE` below it");
}

/// Lines go to one file: Mosquitto takes no second either.
bool Reading::is_second_log_file(const ConfigLine& line) {
  BrokerOptions alone;  // what this line says
  if (!read_log_dest(alone, line.value).empty() || !alone.log_dest.front().starts_with("file ")) return false;
  if (log_file_.where.empty()) log_file_ = {line.name, alone.log_dest.front(), line.where};
  if (log_file_.value == alone.log_dest.front()) return false;
  add_error(line, "another file is given at " + log_file_.where + ": take one of the two lines out");
  return true;
}

void Reading::read_bridge(const ConfigLine& line) {
  if (line.name == "connection") {
    in_bridge_ = true;
    return add_error(line,
                     "bridges come later: Bramble does not connect to other brokers yet. Take the bridge out of this "
                     "file; mosquitto or another client can carry the messages");
  }
  if (!in_bridge_) return add_error(line, "belongs to a bridge, and stands before any `connection`");
  if (const std::string wrong = check_bridge_option(line.name, line.value); !wrong.empty()) add_error(line, wrong);
}

void Reading::read_other(const ConfigLine& line) {
  if (line.name == "retry_interval") {
    return add_warning(line.where, "retry_interval: has no effect, in Mosquitto neither: it can go");
  }
  if (line.name == "include_dir") return add_error(line, "only the main file may include others");
  if (is_bridge_option(line.name)) return read_bridge(line);
  const auto known = refused_option(line.name, line.value);
  if (known.answer == RefusedOption::Answer::as_it_is) return;
  if (known.answer == RefusedOption::Answer::refused) return add_error(line, known.message);
  const std::string_view meant = near_miss(line.name);
  add_error(line, meant.empty() ? "no such option" : "no such option; did you mean " + std::string(meant) + "?");
}

void Reading::note_repeat(const ConfigLine& line, std::size_t given_to, std::string_view name, bool text) {
  const auto [before, first] = seen_.try_emplace({given_to, name}, line.where);
  if (first) return;
  if (text) return add_error(line, "given at " + before->second + " too: take one of the two lines out");
  add_warning(line.where, line.name + ": given at " + before->second + " too; this one counts");
  before->second = line.where;
}

}  // namespace bramble
