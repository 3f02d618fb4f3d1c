#pragma once

#include <atomic>
#include <memory>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "broker/net/listener_rules.h"
#include "broker/session/owned_session.h"
#include "broker/session/session_directory.h"
#include "core/topic/subscription_table.h"

namespace bramble {

/// The sessions of one shard: who is there, who is away and until when, and what is left of those that have ended.
/// Threads: its reactor.
class Sessions {
 public:
  Sessions(SessionDirectory& directory, SubscriptionTable& table, ShardSubscribers& subscribers,
           const DeliveryRules& rules)
      : directory_(directory), table_(table), subscribers_(subscribers), rules_(rules) {}

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

  // --- subscriptions ---
  /// Adds or replaces. True: it is a new one.
  bool subscribe(const OnReactor& here, OwnedSession& session, const TopicFilter& filter, const Subscriber& subscriber);
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
  void count_members(const OnReactor& here, OwnedSession& session, int online, int absent);

  SessionDirectory& directory_;
  SubscriptionTable& table_;
  ShardSubscribers& subscribers_;
  const DeliveryRules& rules_;
  std::unordered_map<SessionId, std::unique_ptr<OwnedSession>> sessions_;
  std::vector<std::unique_ptr<OwnedSession>> ending_;
  std::vector<Leftovers> leftovers_;
};

}  // namespace bramble
