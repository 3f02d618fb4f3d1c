#pragma once

#include <atomic>
#include <memory>
#include <vector>

#include "broker/auth/address_rates.h"
#include "broker/auth/users.h"
#include "broker/net/tls_context.h"
#include "core/auth/access_list.h"

namespace bramble {

/// What holds for the clients of one listener: its options, and what the files that they name said when they were read.
/// Immutable; a reload makes another.  Threads: made by main, read by all.
struct ListenerRules {
  ListenerOptions options;
  std::shared_ptr<const TlsContext> tls;     ///< null: no TLS
  std::shared_ptr<Users> users;              ///< null: no password_file
  std::shared_ptr<const AccessList> access;  ///< null: no acl_file
  /// What has been published since then was allowed by them; max: they have changed since the start.
  SteadyTime access_since = SteadyTime::max();
  std::shared_ptr<AddressRates> rates;  ///< null: no max_connection_rate
  bool closed = false;                  ///< a reload has taken the listener away
  /// Another after a reload by which a connection might have proven less than is asked for now (TLS, PROXY, HTTP): one
  /// that has not said CONNECT by then has to come again. It may wrap: nobody waits for 256 reloads.
  std::uint8_t era = 0;
  std::size_t trusted = 0;  ///< a hash of what cafile, crlfile and psk_file say, and of the names in capath
  std::shared_ptr<std::atomic<int>> connections = std::make_shared<std::atomic<int>>(0);  ///< of the listener

  /// These come after `before`, at a reload: what was counted still counts.
  void follow(const ListenerRules& before);
  /// For the clients that came by it before it was closed, and what they left: `list` holds now.
  void go_by(std::shared_ptr<const AccessList> list);
};

/// What the log calls it: its port, or the path of its socket. `socket`: one of its own or accepted by it.
std::string listener_name(const ListenerOptions& options, int socket);

/// The same after a restart with other listeners beside it, where a number is not: its port, or a hash of its path.
std::uint32_t place_mark(const ListenerOptions& options);

/// By the listener's number.
using AllRules = std::vector<std::shared_ptr<const ListenerRules>>;

/// Reads every file that the configuration's listeners name, each once. Errors: the first that cannot be used, as a
/// line for a person. The order is that of `config.listeners`. Keys that are not read are named
/// in `left`.
OrMessage<AllRules> read_rules(const Config& config, LockedKeys locked, std::vector<std::string>* left = nullptr);

}  // namespace bramble
