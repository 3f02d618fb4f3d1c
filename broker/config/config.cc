#include "broker/config/config.h"

#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <limits>
#include <map>
#include <span>
#include <utility>

#include "broker/config/not_here_yet.h"

namespace bramble {

namespace {

constexpr std::uint16_t kDefaultPort = 1883;
constexpr std::size_t kErrorsShown = 20;
constexpr std::size_t kLineBytesMax = 4096;

// Other names of options that have a row.
struct Alias {
  std::string_view name, means;
};
constexpr auto kAliases = std::to_array<Alias>({{"maximum_qos", "max_qos"}});

// Options of the default listener that open it even beside others, as Mosquitto does.
constexpr auto kOpensDefault = std::to_array<std::string_view>({"port", "bind_address", "max_connections", "max_qos"});
// Those that belong to the default listener wherever they stand.
constexpr auto kOnlyDefault = std::to_array<std::string_view>({"port", "bind_address"});

// Those of which each line counts.
constexpr auto kMayRepeat = std::to_array<std::string_view>({"log_dest", "log_type"});

// What an option given twice was given to, if not to the listener of that number.
constexpr std::size_t kWholeBroker = std::numeric_limits<std::size_t>::max();
constexpr std::size_t kDefaultListener = kWholeBroker - 1;

bool is_in(std::span<const std::string_view> names, std::string_view name) {
  return std::ranges::find(names, name) != names.end();
}

template <class Rows>
auto* find_row(const Rows& rows, std::string_view name) {
  const auto row = std::ranges::find_if(rows, [&](const auto& each) { return each.name == name; });
  return row == std::end(rows) ? nullptr : &*row;
}

// How many letters must be added, taken away or changed to make one of the other.
std::size_t distance(std::string_view from, std::string_view to) {
  std::vector<std::size_t> row(to.size() + 1);
  for (std::size_t i = 0; i <= to.size(); ++i) row[i] = i;
  for (std::size_t i = 0; i < from.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i + 1);
    for (std::size_t j = 0; j < to.size(); ++j) {
      const std::size_t changed = diagonal + (from[i] == to[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({changed, diagonal + 1, row[j] + 1});
    }
  }
  return row.back();
}

// The option that was probably meant; empty: none is near.
std::string_view near_miss(std::string_view name) {
  std::size_t nearest = 3;  // more than two slips is another word
  std::string_view found;
  const auto look = [&](std::string_view known) {
    if (known.size() > name.size() + 2 || name.size() > known.size() + 2) return;
    const std::size_t here = distance(name, known);
    if (here < nearest) {
      nearest = here;
      found = known;
    }
  };
  for (const auto& row : kBrokerOptions) look(row.name);
  for (const auto& row : kAuthOptions) look(row.name);
  for (const auto& row : kStoreOptions) look(row.name);
  for (const auto& row : kListenerOptions) look(row.name);
  for (const std::string_view known : {"listener", "include_dir", "maximum_qos"}) look(known);
  return found;
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

// Reads the lines in order; what they say of listeners depends on what stood before.
class Reading {
 public:
  void read(const ConfigLine& line);
  OrMessage<Config> finish(const std::vector<std::uint16_t>& ports);

 private:
  void read_listener(const ConfigLine& line);
  void read_listener_option(const ConfigLine& line, const OptionRow<ListenerOptions>& row);
  void read_other(const ConfigLine& line);
  template <class Options, class Rows>
  bool read_into(Options& options, const Rows& rows, const ConfigLine& line, std::string_view name);

  std::string all_errors() const;
  void open_default_listener();
  void open_loopback(const std::vector<std::uint16_t>& ports);
  void resolve_allow_anonymous();
  void warn();
  void warn_of_repeat(const ConfigLine& line, std::size_t given_to, std::string_view name);

  void add_error(const ConfigLine& line, std::string_view what) {
    errors_.push_back(line.where + ": " + line.name + ": " + std::string(what));
  }
  void add_warning(const std::string& where, std::string_view what) {
    config_.warnings.push_back(where + ": " + std::string(what));
  }

  Config config_;
  std::vector<std::string> errors_;
  // A file's listener options belong to the listener that it opened last; Mosquitto does not carry it into an included
  // file or out of it. No entry: the default listener.
  std::map<std::size_t, std::size_t> listener_of_file_;
  std::map<std::pair<std::size_t, std::string_view>, std::string> seen_;  // what was given to what -> where
  ListenerOptions default_listener_;
  bool default_is_asked_for_ = false;        // one of kOpensDefault was given
  bool default_has_address_ = false;         // one of kOnlyDefault was
  std::vector<ConfigLine> default_options_;  // all that was given to it
};

template <class Options, class Rows>
bool Reading::read_into(Options& options, const Rows& rows, const ConfigLine& line, std::string_view name) {
  const auto* const row = find_row(rows, name);
  if (row == nullptr) return false;
  if (!is_in(kMayRepeat, row->name)) warn_of_repeat(line, kWholeBroker, row->name);
  if (const std::string wrong = read_option(*row, options, line.value); !wrong.empty()) add_error(line, wrong);
  return true;
}

void Reading::read(const ConfigLine& line) {
  config_.lines.push_back(line);
  if (const std::string wrong = wrong_bytes(line); !wrong.empty()) return errors_.push_back(line.where + ": " + wrong);
  const auto alias = std::ranges::find(kAliases, line.name, &Alias::name);
  const std::string_view name = alias == kAliases.end() ? std::string_view(line.name) : alias->means;
  const auto* const of_listener = find_row(kListenerOptions, name);
  if (line.value.empty()) return add_error(line, "needs a value behind it");
  if (name == "listener") return read_listener(line);
  if (of_listener != nullptr) return read_listener_option(line, *of_listener);
  if (read_into(config_.broker, kBrokerOptions, line, name)) return;
  if (read_into(config_.auth, kAuthOptions, line, name)) return;
  if (read_into(config_.store, kStoreOptions, line, name)) return;
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
  if (listener.bind_address.starts_with('/')) {
    add_error(line, "Unix sockets are known to Mosquitto, not in Bramble yet: a port, and an address if need be");
  } else if (listener.bind_address.find_first_of(" \t") != std::string::npos) {
    add_error(line, listener.bind_address + " is not an address: a port, and one address or host name behind it");
  }
  listener_of_file_[line.file] = config_.listeners.size();
  config_.listeners.push_back(std::move(listener));
}

void Reading::read_listener_option(const ConfigLine& line, const OptionRow<ListenerOptions>& row) {
  const auto current = listener_of_file_.find(line.file);
  const bool to_default = current == listener_of_file_.end() || is_in(kOnlyDefault, row.name);
  warn_of_repeat(line, to_default ? kDefaultListener : current->second, row.name);
  auto& listener = to_default ? default_listener_ : config_.listeners[current->second];
  if (const std::string wrong = read_option(row, listener, line.value); !wrong.empty()) add_error(line, wrong);
  if (!to_default) return;
  if (is_in(kOpensDefault, row.name)) {
    default_is_asked_for_ = true;
    if (default_listener_.declared_at.empty()) default_listener_.declared_at = line.where;
  }
  if (is_in(kOnlyDefault, row.name)) default_has_address_ = true;
  default_options_.push_back(line);
}

void Reading::read_other(const ConfigLine& line) {
  if (line.name == "retry_interval") {
    return add_warning(line.where, "retry_interval: has no effect, in Mosquitto neither: it can go");
  }
  if (line.name == "include_dir") return add_error(line, "only the main file may include others");
  auto known = not_here_yet(line.name, line.value);
  if (known.answer == NotHereYet::Answer::as_it_is) return;
  if (known.answer == NotHereYet::Answer::without_effect) {
    return add_warning(line.where, line.name + ": " + known.message);
  }
  if (known.answer == NotHereYet::Answer::refused) return add_error(line, known.message);
  const std::string_view meant = near_miss(line.name);
  add_error(line, meant.empty() ? "no such option" : "no such option; did you mean " + std::string(meant) + "?");
}

OrMessage<Config> Reading::finish(const std::vector<std::uint16_t>& ports) {
  config_.local_only = config_.listeners.empty() && !default_has_address_;
  if (config_.local_only) {
    open_loopback(ports);
  } else {
    open_default_listener();
    if (!ports.empty()) {
      config_.warnings.emplace_back("-p is not used: the configuration file says where to listen");
    }
  }
  if (!errors_.empty()) return tl::unexpected<std::string>(all_errors());
  resolve_allow_anonymous();
  warn();
  return std::move(config_);
}

std::string Reading::all_errors() const {
  std::string all;
  for (std::size_t i = 0; i < std::min(errors_.size(), kErrorsShown); ++i) all += (i == 0 ? "" : "\n") + errors_[i];
  if (errors_.size() > kErrorsShown) all += "\n... and " + std::to_string(errors_.size() - kErrorsShown) + " more";
  return all;
}

void Reading::open_default_listener() {
  if (default_is_asked_for_) {
    config_.listeners.push_back(default_listener_);
    return;
  }
  for (const ConfigLine& line : default_options_) {
    add_error(line, "stands before any listener, so it is for none: write it below the `listener` line it is for");
  }
}

void Reading::open_loopback(const std::vector<std::uint16_t>& ports) {
  const bool asked_for = !ports.empty();
  for (const std::uint16_t port : asked_for ? ports : std::vector<std::uint16_t>{kDefaultPort}) {
    for (const char* const address : {"127.0.0.1", "::1"}) {
      ListenerOptions& listener = config_.listeners.emplace_back(default_listener_);
      listener.port = port;
      listener.bind_address = address;
      listener.optional = listener.bind_address == "::1";
      listener.declared_at = asked_for ? "-p " + std::to_string(port) : "without a listener configured";
    }
  }
}

void Reading::resolve_allow_anonymous() {
  for (ListenerOptions& listener : config_.listeners) {
    if (!listener.allow_anonymous) {
      listener.allow_anonymous = config_.auth.allow_anonymous.value_or(config_.local_only);
    }
  }
}

void Reading::warn_of_repeat(const ConfigLine& line, std::size_t given_to, std::string_view name) {
  const auto [before, first] = seen_.try_emplace({given_to, name}, line.where);
  if (first) return;
  add_warning(line.where, line.name + ": given at " + before->second + " too; this one counts");
  before->second = line.where;
}

void Reading::warn() {
  for (const ListenerOptions& listener : config_.listeners) {
    if (*listener.allow_anonymous || listener.optional) continue;
    add_warning(listener.declared_at, "nobody can log in on port " + std::to_string(listener.port) +
                                          ": clients without a user name are refused, and Bramble has no passwords "
                                          "yet. `allow_anonymous true` lets everyone in who reaches the port");
  }
  if (default_is_asked_for_ && !default_has_address_ && !config_.local_only) {
    add_warning(default_listener_.declared_at,
                "stands before any listener, so the default listener opens too, on port " +
                    std::to_string(default_listener_.port));
  }
  if (config_.store.persistence) {
    config_.warnings.push_back(config_.at("persistence") + "nothing is kept across restarts yet");
  }
}

}  // namespace

std::string Config::at(std::string_view option, std::string_view value_end) const {
  const auto given = std::ranges::find_if(lines.rbegin(), lines.rend(), [&](const ConfigLine& line) {
    return line.name == option && line.value.ends_with(value_end);
  });
  return (given == lines.rend() ? "" : given->where + ": ") + std::string(option) + ": ";
}

OrMessage<Config> make_config(const std::vector<ConfigLine>& lines, const std::vector<std::uint16_t>& ports) {
  Reading reading;
  for (const ConfigLine& line : lines) reading.read(line);
  return reading.finish(ports);
}

}  // namespace bramble
