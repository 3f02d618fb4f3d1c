#pragma once

#include <memory>
#include <string>
#include <vector>

#include "broker/config/broker_options.h"
#include "broker/config/listener_options.h"
#include "broker/config/store_options.h"

namespace bramble {

/// Everything a start needs, checked across options: what the files and the command line said. Immutable once made; a
/// reload makes a new one. Reactors share it as shared_ptr<const Config>.
struct Config {
  BrokerOptions broker;
  StoreOptions store;
  std::vector<ListenerOptions> listeners;  ///< never empty
  std::vector<std::string> warnings;       ///< one line each, to be logged at start
};

}  // namespace bramble
