#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <unordered_set>
#include <vector>

#include "broker/log.h"
#include "broker/reactor/mesh.h"
#include "broker/routing/shared_picker.h"
#include "broker/session/sessions.h"
#include "broker/store/ledger.h"
#include "core/base/ring.h"
#include "core/session/publication.h"
#include "core/topic/retained_messages.h"
#include "core/topic/subscription_table.h"

namespace bramble {

/// Where a PUBLISH goes: matched once; to subscribers of this shard at once, to every other reactor by one Entry in
/// this turn's Handoff. Order (docs/design.md, Turn and Order): deliveries of one shard are made in the order in which
/// their messages were routed or taken from the inbox. A fan-out that is longer than a turn leaves the rest in the
/// backlog, and whatever comes after it waits behind.  Threads: its reactor.
class Router {
 public:
  Router(Mesh& mesh, const SubscriptionTable& table, ShardSubscribers& subscribers, RetainedMessages& retained,
         Ledger& ledger);

  struct Outcome {
    bool matched = false;    ///< somebody subscribes  (else 0x10)
    std::uint64_t slow = 0;  ///< reactors whose inbox is over its level: the publisher should be slowed for them
  };
  /// `filters`: what the topic matches, found in this turn, after the retained message (if any) was set.
  Outcome route(const OnReactor& here, Publication& publication, std::span<Filter* const> filters);
  /// Sets it, if it is to be retained, so that a SUBSCRIBE on any reactor sees it or gets it live
  /// (docs/design.md, Retained). `source`: of a client's; see RetainSource.
  void retain(const OnReactor& here, Publication& publication, std::string_view source);
  /// All of it, for what the broker itself publishes: Wills, $SYS. The topic is valid.
  void publish(const OnReactor& here, Publication& publication, std::string_view source = {});

  /// What sessions that are gone, or that go on, have left to others: Wills, and messages of their $share groups.
  void settle_leftovers(const OnReactor& here, Sessions& sessions);

  void receive(const OnReactor& here, std::unique_ptr<Handoff> handoff);
  /// Something waits for its turn: a new PUBLISH would only join it.
  bool backlogged() const { return !backlog_.empty(); }
  /// Something that waits belongs to this round of the store, or to one before.
  bool backlogged(std::uint64_t round);
  /// Goes on with the backlog. True: not done yet.
  bool work_off(const OnReactor& here);
  /// Posts what this turn has for other reactors. Before any socket is written, and each has its place in its inbox
  /// before the first is posted: what a subscriber there then makes a client publish comes after it everywhere
  /// (docs/design.md, Order).
  void post_handoffs(const OnReactor& here);
  /// It has subscribed to something, while a fan-out may be half done.
  void subscribed(const OwnedSession& session) {
    if (!duplicates_ && !backlog_.empty()) subscribed_since_.insert(&session);
  }
  /// A client whose subscriptions overlap gets one copy, or one for each of them.
  void deliver_duplicates(bool duplicates) {
    duplicates_ = duplicates;
    overlapping_ = {};
  }
  /// All is written: what was received is let go of.
  void end_turn();

  /// The turn pays for a match that had to look at much of the tree.
  static void charge(const OnReactor& here, Matches& matches);
  const SubscriptionTable& table() const { return table_; }

 private:
  /// A Handoff, received or of this shard itself, and how far it has been delivered.
  struct Waiting {
    std::unique_ptr<Handoff> handoff;
    bool received = false;
    std::size_t entry = 0;
    std::uint32_t filter = 0;  ///< in the entry
  };

  struct Outgoing {
    std::unique_ptr<Handoff> handoff;  ///< this turn's
    std::size_t entries = 0;           ///< of the last one: as much memory is had at once
    std::size_t packet_bytes = 0;
  };

  static OwnedSession& session_of(const Subscriber& subscriber) {
    return static_cast<OwnedSession&>(*subscriber.recipient);
  }
  /// Both: true if somebody subscribes.
  bool route_to_one(const OnReactor& here, Publication& publication, const Filter& filter);
  bool route_to_several(const OnReactor& here, Publication& publication, std::span<Filter* const> filters);
  Handoff& outgoing(ReactorId to);
  bool deliver(const OnReactor& here, Waiting& work);
  void keep_until_written(const OnReactor& here, std::unique_ptr<Handoff> handoff);
  bool deliver_entry(const OnReactor& here, const Handoff& handoff, const Entry& entry, std::uint32_t& filter);
  bool deliver_publication(const OnReactor& here, Publication& publication, const Handoff& handoff, const Entry& entry,
                           std::uint32_t& filter);
  /// False: the turn's budget ended before the subscribers did.
  void tell_retained(std::size_t bytes);
  bool fan_out(const OnReactor& here, Publication& publication, FilterId filter);
  /// To one that may be on others of overlapping_ too: what those would send it goes with the first of them, unless
  /// they have another Subscription Identifier to tell  [MQTT-3.3.4-2] [MQTT-3.3.4-4]. Whether it was on that one when
  /// its turn came is not known of those who have subscribed since: rather twice than not at all.
  [[gnu::noinline]] void deliver_once(const OnReactor& here, Publication& publication, FilterId filter,
                                      Subscriber subscriber);
  void look_for_overlap(std::span<const FilterId> filters) {
    overlapping_ = filters.size() > 1 ? filters : std::span<const FilterId>{};
  }
  void deliver_here(const OnReactor& here, Publication& publication, std::span<const FilterId> filters);
  void hand_off(const OnReactor& here, ReactorId to, Publication& publication, std::span<const FilterId> filters,
                Entry::To kind, std::uint64_t asked);
  Waiting& own_waiting(const OnReactor& here);

  /// A message that a member of a $share group leaves behind, for another member.
  void pick_again(const OnReactor& here, const Delivery& delivery);
  void to_group(const OnReactor& here, Publication& publication, const SharedGroup& group);
  void to_member(const OnReactor& here, Publication& publication, FilterId group, Entry::To kind, std::uint64_t asked);
  /// Sends it on to the next reactor that may have a member for it.
  void try_elsewhere(const OnReactor& here, Publication& publication, const SharedGroup& group, Entry::To kind,
                     std::uint64_t asked);
  const SharedGroup* find_group(std::string_view topic, FilterId group);

  Mesh& mesh_;
  const SubscriptionTable& table_;
  ShardSubscribers& subscribers_;
  RetainedMessages& retained_;
  Ledger& ledger_;
  SharedPicker picker_;
  Matches matches_;        ///< of what the broker publishes
  Matches group_matches_;  ///< of find_group, which runs while others are walked
  bool duplicates_ = true;
  std::span<const FilterId> overlapping_;  ///< what the message at hand matches here; empty with duplicates_
  std::unordered_set<const OwnedSession*> subscribed_since_;  ///< the backlog began; only compared with
  std::uint64_t handed_to_ = 0;                               ///< reactors that the PUBLISH at hand went to
  std::vector<Outgoing> outgoing_;                            ///< by reactor
  std::vector<std::unique_ptr<Handoff>> spent_;  ///< delivered in this turn, and outputs may refer to its packets
  std::size_t spent_bytes_ = 0;
  std::vector<FilterId> here_filters_;  ///< of the PUBLISH at hand
  std::vector<FilterId> there_filters_;
  Ring<Waiting> backlog_;
  log::LinePerMinute inbox_line_;
};

}  // namespace bramble
