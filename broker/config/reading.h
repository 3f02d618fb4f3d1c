#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "broker/config/config.h"

namespace bramble {

inline constexpr const char* kForNoLogin =
    "stands before any listener, and with `per_listener_settings true` it is for one: write it below the `listener` "
    "line it is for";

/// The name of the row that an option has: its own, or the one that it is another name of.
std::string_view meant_by(std::string_view name);

/// Reads the lines of a configuration in order: what they say of listeners depends on what stood before.
/// Threads: one.  Lifetime: of one make_config().
class Reading {
 public:
  void read(const ConfigLine& line);
  OrMessage<Config> finish(const std::vector<std::uint16_t>& ports);

 private:
  /// The plugin that the plugin_opt_... lines of a file are for.
  struct Plugin {
    std::string_view does;  ///< the option that does the same, if it is one of Mosquitto's own; empty: it is not
    ConfigLine line;
    std::size_t given_to = 0;  ///< whose it is: its options may stand below another listener
    bool has_file = false;
  };

  /// What was given to the default listener.
  struct DefaultOption {
    ConfigLine line;
    std::string name;  ///< of its row
  };

  void read_listener(const ConfigLine& line);
  bool read_of_listener(const ConfigLine& line, std::string_view name);
  void read_per_listener_settings(const ConfigLine& line);
  bool read_of_login(const ConfigLine& line, std::string_view name);
  bool read_plugin(const ConfigLine& line);
  bool read_plugin_option(const ConfigLine& line);
  void end_plugin(const Plugin& plugin);
  bool read_login_of(std::size_t given_to, const ConfigLine& line, std::string_view name);
  /// A line that says who may log in: with per_listener_settings, is there a listener that it is for?
  void note_login(const ConfigLine& line, std::string_view name);
  /// An option of the listener above it: not with `port` or `bind_address` between.
  void check_order(const ConfigLine& line);
  /// With per_listener_settings: what the other name of this option said of the same listener is forgotten.
  void replace_twin(const ConfigLine& line, std::string_view name);
  bool is_second_log_file(const ConfigLine& line);
  void read_bridge(const ConfigLine& line);
  void read_other(const ConfigLine& line);
  template <class Options, class Rows>
  bool read_into(Options& options, const Rows& rows, const ConfigLine& line, std::string_view name,
                 std::size_t given_to);
  /// The listener whose options this file gives now; the default listener if it opened none.
  std::size_t number_at(const ConfigLine& line) const;
  ListenerOptions& listener_of(std::size_t given_to);
  Origins& origins_of(std::size_t given_to);

  std::string all_errors() const;
  /// Does anything that was given to the default listener open it?
  bool default_opens();
  /// It stays closed beside others: what of that would be missed?
  void check_options_for_none();
  void check_login_for_none();
  /// Two listeners at one place.
  void check_places();
  void warn_of_default(bool alone);
  void open_loopback(const std::vector<std::uint16_t>& ports);
  void resolve_login();
  void resolve_login(ListenerOptions& listener);
  void note_repeat(const ConfigLine& line, std::size_t given_to, std::string_view name, bool text);

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
  std::map<std::size_t, ConfigLine> default_below_;  // of a file: `port` or `bind_address` below its last `listener`
  std::set<std::size_t> default_of_file_;            // files that have given options to the default listener
  std::map<std::size_t, Plugin> plugin_of_file_;
  std::map<std::pair<std::size_t, std::string_view>, std::string> seen_;  // what was given to what -> where
  ListenerOptions default_listener_;
  bool default_has_address_ = false;  // its port or address was given
  std::vector<DefaultOption> default_options_;
  std::string first_login_option_;  // where it stands
  ConfigLine log_file_;             // the first `log_dest file`
  bool in_bridge_ = false;
};

/// What is wrong between options of a listener, each as FILE:LINE: ...: so that nothing is less safe than it says.
std::vector<std::string> listener_errors(const Config& config, const ListenerOptions& listener);
/// What a person should know about a configuration that is right.
void add_warnings(Config& config);

}  // namespace bramble
