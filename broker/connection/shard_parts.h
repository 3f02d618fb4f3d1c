#pragma once

#include <memory>
#include <span>
#include <string>

#include "broker/config/config.h"
#include "broker/auth/password_checks.h"
#include "broker/net/listener_rules.h"
#include "broker/reactor/mesh.h"
#include "broker/routing/router.h"
#include "broker/session/session_directory.h"
#include "broker/session/sessions.h"

namespace bramble {

class Connections;

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
  Router& router;
  Connections& connections;
  ReactorCounters& counters;
  Matches matches;            ///< of the PUBLISH at hand
  std::string packet;         ///< a small packet while it is encoded
  std::string mounted_topic;        ///< of the PUBLISH at hand
  mqtt::PublishContent unmounted;  ///< of the delivery at hand
  bool packet_lasts = false;  ///< the packet that is handled lies in the turn's memory
};

}  // namespace bramble
