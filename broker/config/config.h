#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "broker/config/auth_options.h"
#include "broker/config/broker_options.h"
#include "broker/config/config_file.h"
#include "broker/config/listener_options.h"
#include "broker/config/origins.h"
#include "broker/config/store_options.h"

namespace bramble {

/// Everything a start needs, checked across options: what the files and the command line said. Immutable once made; a
/// reload makes a new one. Reactors share it as shared_ptr<const Config>.
struct Config {
  BrokerOptions broker;
  AuthOptions auth;
  StoreOptions store;
  std::vector<ListenerOptions> listeners;  ///< never empty
  bool local_only = false;                 ///< no listener was configured: only this machine is served
  std::vector<std::string> warnings;       ///< one line each, to be logged at start
  std::vector<ConfigLine> lines;           ///< what it was made from
  Origins origins;                         ///< of `broker`, `auth` and `store`

  /// How a message about an option begins: "FILE:LINE: log_dest: ", after the last line that gave it, or the last whose
  /// value ends like this; "log_dest: " if none did.
  std::string at(std::string_view option, std::string_view value_end = {}) const;
};

/// The whole configuration from lines as they were read, or every error, one line each:
///   FILE:LINE: max_qos: 3 is not a QoS: 0, 1 or 2
/// `ports` are those of the command line; they count only while no listener is configured, and open loopback only.
OrMessage<Config> make_config(const std::vector<ConfigLine>& lines, const std::vector<std::uint16_t>& ports = {});

}  // namespace bramble
