#pragma once

#include <memory>
#include <span>
#include <string>

#include "broker/auth/password_checks.h"
#include "broker/config/config.h"
#include "broker/net/listener_rules.h"
#include "broker/reactor/mesh.h"
#include "broker/routing/router.h"
#include "broker/session/session_directory.h"
#include "broker/session/sessions.h"
#include "broker/store/ledger.h"

namespace bramble {

class Connections;

/// Of memory, by memory_limit: what is done about it, in this order, each with all before it.
enum class Shortage : std::uint8_t {
  none,
  nothing_new,      ///< no new sessions or subscriptions
  slow_publishers,  ///< each publisher gets one PUBLISH through now and then
  stop_publishers,  ///< and who does not read is disconnected
};
Shortage shortage_of(std::uint64_t bytes, std::uint64_t limit);

/// What a connection may use of its shard and of what all shards share.  Threads: the shard's reactor.
struct ShardParts {
  std::shared_ptr<const Config> config;
  AllRules rules;  ///< by listener
  PasswordChecks& passwords;
  Mesh& mesh;
  SessionDirectory& directory;
  RetainedMessages& retained;
  ShardSubscribers& subscribers;
  Sessions& sessions;
  Ledger& ledger;
  Router& router;
  Connections& connections;
  ReactorCounters& counters;
  Matches matches;                 ///< of the PUBLISH at hand
  std::string packet;              ///< a small packet while it is encoded
  std::string mounted_topic;       ///< of the PUBLISH at hand
  mqtt::PublishContent unmounted;  ///< of the delivery at hand
  Shortage shortage = Shortage::none;
  bool packet_lasts = false;  ///< the packet that is handled lies in the turn's memory
};

}  // namespace bramble
