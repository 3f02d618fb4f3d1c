#pragma once

#include <memory>
#include <vector>

#include "broker/connection/connections.h"
#include "broker/metrics/sys_topics.h"
#include "broker/net/listener.h"
#include "broker/routing/router.h"
#include "broker/session/sessions.h"
#include "broker/store/store.h"
#include "core/topic/retained_messages.h"
#include "core/topic/subscription_table.h"

namespace bramble {

/// What all shards share: read without locks, or locked for a moment by whoever changes it. Built before the shards,
/// and outlives them.
struct Commons {
  Mesh& mesh;
  Counters& counters;
  SubscriptionTable& table;
  RetainedMessages& retained;
  SessionDirectory& directory;
  PasswordChecks& passwords;
};

/// Everything one reactor owns: connections, sessions, subscriber lists; and the switch over Message.
/// Threads: built by main, then its reactor alone.
class Shard final : public MessageHandler {
 public:
  Shard(Commons& commons, ReactorId id, std::shared_ptr<const Config> config, AllRules rules);
  /// Accepts from these once its reactor runs. Before that.
  void take_listener(std::shared_ptr<Listener> listener) { listeners_.push_back(std::move(listener)); }
  /// What it owns outlives the process from now on; `restored` was, of the one before. Before its reactor runs.
  void use(Store& store, std::vector<Sessions::Restored> restored);
  /// All shards have restored theirs: time goes on for the sessions. Then clients may come.
  void begin(const OnReactor& here);
  void accept(const OnReactor& here);
  /// Its clients are told that the broker stops, and no more come.
  void leave(const OnReactor& here);
  ~Shard();

  /// What a new configuration changes; see Broker::reload.
  struct Change {
    std::shared_ptr<const Config> config;
    AllRules rules;
  };
  void apply(const OnReactor& here, const Change& change);
  void accept_from(const OnReactor& here, std::shared_ptr<Listener> listener);

  // --- for errands ---
  ShardParts& parts(const OnReactor&) { return parts_; }
  Connections& connections(const OnReactor&) { return connections_; }
  Sessions& sessions(const OnReactor&) { return sessions_; }

  void on_start(const OnReactor& here) override;
  void on_message(const OnReactor& here, Message message) override;
  void on_dispatched(const OnReactor& here) override;
  bool on_leftovers(const OnReactor& here) override;
  void on_turn_end(const OnReactor& here) override;

 private:
  /// A chore that comes round: $SYS, the sweep of expired retained messages, a look at the store. Those three only on
  /// the first reactor.
  class Chore final : public ReactorTimer {
   public:
    Chore(Shard& shard, void (Shard::*work)(const OnReactor&)) : shard_(shard), work_(work) {}
    void due(const OnReactor& here) override { (shard_.*work_)(here); }

   private:
    Shard& shard_;
    void (Shard::*work_)(const OnReactor&);
  };

  void begin_sys(const OnReactor& here);
  bool run_errands(const OnReactor& here);
  void publish_sys(const OnReactor& here);
  void sweep_retained(const OnReactor& here);
  void watch_store(const OnReactor& here);
  void begin_memory_watch(const OnReactor& here);
  void watch_memory(const OnReactor& here);
  // shard_rounds.cc
  void take_step(const OnReactor& here, const RoundStep& step);
  void close_round(const OnReactor& here);
  void give_part(const OnReactor& here);
  void receive(const OnReactor& here, std::unique_ptr<Handoff> handoff);

  void publish_own(const OnReactor& here, std::string_view topic, std::string_view payload, bool retain);

  Commons& commons_;
  std::vector<std::shared_ptr<Listener>> listeners_;  ///< that it accepts from
  Store* store_ = nullptr;                            ///< null: nothing is kept
  std::vector<Sessions::Restored> restored_;
  bool part_wanted_ = false;  ///< by the store, of the round that was closed last
  Ledger ledger_;
  ShardSubscribers subscribers_;
  DeliveryRules rules_;
  Sessions sessions_;
  Router router_;
  ShardParts parts_;
  Connections connections_;
  std::unique_ptr<SysTopics> sys_topics_;
  RetainedMessages::Sweep sweep_;
  std::vector<std::unique_ptr<Errand>> errands_;
  Chore sys_chore_{*this, &Shard::publish_sys};
  Chore sweep_chore_{*this, &Shard::sweep_retained};
  Chore memory_chore_{*this, &Shard::watch_memory};
  Chore store_chore_{*this, &Shard::watch_store};
};

}  // namespace bramble
