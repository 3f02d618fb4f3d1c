#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "broker/net/listener_rules.h"
#include "broker/session/owned_session.h"
#include "broker/session/session_directory.h"
#include "broker/store/ledger.h"
#include "core/topic/subscription_table.h"

namespace bramble {

/// The sessions of one shard: who is there, who is away and until when, and what is left of those that have ended.
/// Threads: its reactor.
class Sessions {
 public:
  Sessions(SessionDirectory& directory, SubscriptionTable& table, ShardSubscribers& subscribers,
           const DeliveryRules& rules, Ledger& ledger)
      : directory_(directory), table_(table), subscribers_(subscribers), rules_(rules), ledger_(ledger) {}

  const DeliveryRules& rules() const { return rules_; }

  /// The session of a client id that this reactor owns; null: it has none.
  OwnedSession* find(std::string_view client_id) const { return directory_.session(client_id); }
  OwnedSession& create(const OnReactor& here, std::string_view client_id);

  /// The client has come (back).
  void present(const OnReactor& here, OwnedSession& session, PacketSink& connection, std::uint16_t receive_maximum,
               TurnBuffer& buffer);
  /// The client has gone, leaving `session.will` to be published, after its delay (at once if there is none) or when
  /// the session ends, whichever is first [MQTT-3.1.2-10] [MQTT-3.1.3-9]. With a Session Expiry Interval of 0 the
  /// session ends now. `expiry_limit`: 0 is none.
  void absent(const OnReactor& here, OwnedSession& session, Seconds expiry_limit);
  /// The session ends and another begins for its client: the client id stays with this reactor throughout.
  OwnedSession& begin_anew(const OnReactor& here, OwnedSession& session);
  /// Publishes `session.will`, if there is one, in this turn.
  void publish_will(const OnReactor& here, OwnedSession& session);
  /// The session ends now: it is forgotten, and its subscriptions go in slices.
  void end(const OnReactor& here, OwnedSession& session);

  // --- the store (sessions_kept.cc; docs/design.md, Rounds) ---
  /// The session is another than the store knows: begun, its Will or expiry changed, its client gone. Kept from now on
  /// if it outlives its connection, forgotten if not any more.
  void tell(const OnReactor& here, OwnedSession& session);
  /// The round closes: appends what has changed in sessions that were touched to the ledger's part.
  void tell_touched(const OnReactor& here);
  /// Of `session` a late delivery has been kept: appends it to the closed round's part.
  void tell_late(OwnedSession& session);
  /// What tell_touched() and tell_late() told of this round is on the disk.
  void stored(const OnReactor& here, std::uint64_t round);
  /// A session of the client has ended and may come back if the power goes now.
  bool may_come_back(std::string_view client_id) const {
    return (ledger_.commits() || ledger_.failing()) && directory_.ends_unstored(client_id);
  }
  /// A session as it was before a restart, with all that belongs to it. Before any client comes.
  struct Restored {
    KeptSession session;
    std::vector<KeptSubscription> subscriptions;
    std::vector<KeptDelivery> deliveries;
    std::vector<KeptReceipt> receipts;
  };
  void restore(const OnReactor& here, Restored restored);
  /// All shards have restored theirs: who is away is so from now on, and what is due happens.
  void begin(const OnReactor& here, Seconds expiry_limit);
  /// New ones are numbered behind it. Before reactors run.
  static void begin_ids_after(SessionId last);
  Ledger& ledger() { return ledger_; }

  // --- subscriptions ---
  /// Adds or replaces. True: it is a new one.
  bool subscribe(const OnReactor& here, OwnedSession& session, const TopicFilter& filter, const Subscriber& subscriber);
  /// Retained messages are sent for it, from the first on.
  void replay(OwnedSession& session, Filter& filter, const Subscriber& subscriber);
  /// Some have been, or all.
  void replayed(OwnedSession& session) { session.touch(); }
  /// False: there was none  (0x11).
  bool unsubscribe(const OnReactor& here, OwnedSession& session, const TopicFilter& filter);
  /// The id under which deliveries come for this filter; 0: nobody here is on it.
  FilterId id_of(const TopicFilter& filter) const;

  // --- what others have to publish or deliver for sessions that are gone ---
  struct Leftovers {
    PublisherId from{};
    std::unique_ptr<Will> will;
    std::vector<Delivery> shared;  ///< picked for this session, to be picked again
    std::string client_id;         ///< it waits in the directory for the Will; empty: it does not
  };
  void leave_to_others(const OnReactor& here, const OwnedSession& from, std::vector<Delivery> shared);
  bool has_leftovers() const { return !leftovers_.empty(); }
  std::vector<Leftovers> take_leftovers() { return std::exchange(leftovers_, {}); }
  /// The Will is published: another reactor may have the client.
  void will_is_out(const Leftovers& left) const {
    if (!left.client_id.empty()) directory_.will_is_out(left.client_id);
  }

  const ListenerOptions& listener(const OwnedSession& of) const { return rules_of_listeners_[of.listener]->options; }
  /// Before the first session.
  void use(const AllRules& rules) { rules_of_listeners_ = rules; }
  /// Rights are looked up anew, for clients that are away too.
  void apply(const OnReactor& here, const AllRules& rules);
  template <class Visit>
  void for_each(const OnReactor&, Visit visit) {
    for (const auto& [id, session] : sessions_) visit(*session);
  }

  /// Takes off some subscriptions of ended sessions. True: more are left.
  bool clean_up(const OnReactor& here);
  std::size_t size() const { return sessions_.size(); }

 private:
  friend class OwnedSession;
  void drop_denied_will(const OnReactor& here, OwnedSession& session);
  void absence_over(const OnReactor& here, OwnedSession& session);
  /// Forgets it but for the directory.
  void retire(const OnReactor& here, OwnedSession& session, const std::string& waits_for_will = {});
  void leave(const OnReactor& here, OwnedSession& session, const SessionSubscription& subscription);
  OwnedSession& add(const OnReactor& here, std::unique_ptr<OwnedSession> session);
  void begin_absence(const OnReactor& here, OwnedSession& session, SteadyTime since, Seconds expiry_limit);
  SessionSubscription find_subscription(const TopicFilter& filter, FilterId id) const;  ///< somebody here is on it
  void keep(const OnReactor& here, OwnedSession& session);
  void forget(OwnedSession& session);
  void tell_delivery(Part& part, const OwnedSession& session, Delivery& delivery, DeliveryState state);
  static std::unique_ptr<const std::string> shared_filter(const OwnedSession& session, FilterId group);
  void tell_receipts(OwnedSession& session);
  void tell_replays(OwnedSession& session);
  void tell_subscription(OwnedSession& session, const SessionSubscription& subscription, bool removed);
  KeptSubscription describe(const OwnedSession& session, const SessionSubscription& subscription) const;
  KeptSession describe(const OwnedSession& session, SteadyTime now) const;
  std::uint16_t listener_named(std::string_view name) const;
  void restore_subscription(const OnReactor& here, OwnedSession& session, const KeptSubscription& kept);
  void restore_replay(OwnedSession& session, const KeptSubscription& kept, OwnedSession::Told& told);
  void restore_delivery(const OnReactor& here, OwnedSession& session, KeptDelivery kept);
  void count_members(const OnReactor& here, OwnedSession& session, int online, int absent);

  SessionDirectory& directory_;
  SubscriptionTable& table_;
  ShardSubscribers& subscribers_;
  const DeliveryRules& rules_;
  Ledger& ledger_;
  AllRules rules_of_listeners_;
  std::vector<SessionId> told_;                             ///< in the round that is being written
  std::deque<std::pair<std::uint64_t, std::string>> ends_;  ///< round and client id; not on the disk yet
  std::unordered_map<SessionId, std::unique_ptr<OwnedSession>> sessions_;
  std::vector<std::unique_ptr<OwnedSession>> ending_;
  std::vector<Leftovers> leftovers_;
};

}  // namespace bramble
