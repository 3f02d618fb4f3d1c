#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "broker/log.h"
#include "broker/metrics/counters.h"
#include "broker/reactor/reactor_timer.h"
#include "broker/session/kept_receipts.h"
#include "broker/session/session_access.h"
#include "broker/store/kept.h"
#include "core/mqtt/packets.h"
#include "core/session/outbound.h"
#include "core/session/packet_ids.h"
#include "core/session/subscriptions.h"
#include "core/session/will.h"
#include "core/topic/retained_messages.h"
#include "core/topic/shard_subscribers.h"

namespace bramble {

class Sessions;

/// What the configuration says about delivering, the same for every session.
struct DeliveryRules {
  OutboundLimits limits;
  bool queue_qos0_messages = false;
  bool upgrade_outgoing_qos = false;
};

/// A retained replay that is under way: what one SUBSCRIBE has still to get.
struct PendingReplay {
  Filter* wanted = nullptr;  ///< alive while the session is on it
  Subscriber subscriber;
  std::optional<RetainedMessages::Replay> replay;  ///< begun when its turn comes: finding the topics takes time
  std::uint32_t from = 0;                          ///< it begins with this slot

  std::uint32_t slot() const { return replay ? replay->slot() : from; }
};

/// The replays of one session, one a filter: who subscribes again gets it from the beginning.  Memory: none while
/// empty.
class PendingReplays {
 public:
  bool empty() const { return !by_filter_; }
  std::pair<const FilterId, PendingReplay>& first() { return *by_filter_->begin(); }
  void set(FilterId id, const PendingReplay& replay) {
    if (!by_filter_) by_filter_ = std::make_unique<std::map<FilterId, PendingReplay>>();
    by_filter_->insert_or_assign(id, replay);
  }
  void erase(FilterId id) {
    if (by_filter_ && by_filter_->erase(id) != 0 && by_filter_->empty()) by_filter_.reset();
  }
  void clear() { by_filter_.reset(); }
  bool has(FilterId id) const { return by_filter_ && by_filter_->contains(id); }
  template <class Visit>
  void each(Visit visit) const {
    if (!by_filter_) return;
    for (const auto& [id, replay] : *by_filter_) visit(id, replay);
  }

 private:
  std::unique_ptr<std::map<FilterId, PendingReplay>> by_filter_;  // null: none
};

/// MQTT's Session on the reactor that owns it for life: subscriptions, what is in flight, what waits, the Will, and the
/// connection it has now.  [MQTT-4.1.0-1]
/// Threads: its reactor.  Memory: what is not in use (Outbound, QoS 2 identifiers, Will, replays) is not there.
class OwnedSession final : public Recipient {
 public:
  OwnedSession(Sessions& sessions, SessionId id, PublisherId publisher, std::string client_id);
  OwnedSession(const OwnedSession&) = delete;
  ~OwnedSession();

  SessionId id() const { return id_; }
  PublisherId publisher() const { return publisher_; }
  const std::string& client_id() const { return client_id_; }

  // --- its connection ---
  PacketSink* connection() const { return connection_; }
  void connected(const OnReactor& here, PacketSink& connection, std::uint16_t receive_maximum, TurnBuffer& buffer);
  void disconnected() {
    connection_ = nullptr;
    if (outbound_) outbound_->disconnected();
  }

  // --- messages to the client ---
  enum class Delivered { sent, queued, dropped };
  /// One message by one matching subscription. Drops are counted here.
  Delivered deliver(const OnReactor& here, Publication& publication, const Subscriber& subscriber, FilterId share,
                    bool retained);
  /// What deliver() would send it at.
  mqtt::Qos qos_for(const Publication& publication, const Subscriber& subscriber) const;
  /// Could it go out at once? For picking a member of a $share group, and for pacing a replay.
  bool has_room(mqtt::Qos qos, std::size_t payload_bytes) const;
  bool has_queue_room(const OnReactor& here, std::size_t payload_bytes);
  /// Sends what waits, after an acknowledgement or when the output has drained.
  void pump(const OnReactor& here, TurnBuffer& buffer);

  std::size_t queued() const { return outbound_ ? outbound_->queued() : 0; }
  std::size_t in_flight() const { return outbound_ ? outbound_->in_flight() : 0; }
  /// When it ends if its client does not come back; nothing: the client is there, or it never ends.
  std::optional<SteadyTime> ends_at() const {
    return away() && ends_at_ != SteadyTime::max() ? std::optional(ends_at_) : std::nullopt;
  }

  // --- what the store knows of it; see Sessions ---
  bool kept() const { return told_ != nullptr; }
  /// What was told is on the disk: what was held for that goes out.
  void stored(const OnReactor& here, TurnBuffer& buffer);

  // --- acknowledgements; see Outbound ---
  Result<bool> on_puback(const OnReactor& here, mqtt::PacketId id, TurnBuffer& buffer);
  Result<bool> on_pubrec(const OnReactor& here, mqtt::PacketId id, mqtt::ReasonCode code, TurnBuffer& buffer);
  Result<bool> on_pubcomp(const OnReactor& here, mqtt::PacketId id, TurnBuffer& buffer);

  // --- messages from the client: identifiers of QoS 2 messages that are not released  [MQTT-4.3.3-10] ---
  bool awaits_release(mqtt::PacketId id) const { return inbound_ && inbound_->in_use(id); }
  bool has_had(const mqtt::Publish& publish) const;  ///< its topic is what its alias stands for; so below
  void await_release(const mqtt::Publish& publish);
  bool release(mqtt::PacketId id);  ///< false: not known
  std::size_t unreleased() const { return inbound_ ? inbound_->count() : 0; }
  /// Of this connection, about: Receive Maximum does not count those of the connections before  (4.9).
  std::size_t unreleased_now() const { return unreleased() - unreleased_before_; }

  // --- whose it is, and what its client may do ---
  /// Of what it publishes now: see RetainSource. `out` is overwritten.
  const std::string& source(std::string& out) const;
  /// `list` null: all. What waits for the client is asked of anew if it may read other topics than before.
  void set_access(const std::optional<std::string>& user, const AccessList* list);
  void set_mount_point(const std::string& mount_point);
  /// It is not known: Mosquitto does not write it. All topics that it has or is subscribed to begin so.
  void set_beginning_of_topics(std::string beginning);
  /// Subscriptions and messages are of topics below it; empty: of any. Nothing: it is not known.
  std::optional<std::string_view> mount_point() const;
  /// A client of a listener with this one may go on with it: it is the session's, or might be, for nothing in the
  /// session is elsewhere.
  bool may_be_below(std::string_view mount_point) const;
  const SessionAccess* access() const { return access_.get(); }  ///< null: nobody's in particular, and may do all
  bool may_publish(const OnReactor& here, std::string_view topic);
  /// Delivery is what is checked; a SUBSCRIBE is always granted, as Mosquitto's acl_file does.
  bool may_get(const OnReactor& here, Publication& publication, const Subscriber& subscriber) {
    return !access_ || !access_->rights || (subscriber.all_readable && !access_->marks_are_old) ||
           may_read(here, publication);
  }
  bool may_get(const OnReactor& here, Publication& publication) {
    return !access_ || !access_->rights || may_read(here, publication);
  }
  bool may_read_all(const TopicFilter& filter) const {
    return !access_ || !access_->rights || access_->rights->all_readable(filter.filter());
  }

  Subscriptions subscriptions;
  PendingReplays replays;
  std::unique_ptr<Will> will;
  std::uint32_t expiry_seconds = 0;  ///< Session Expiry Interval
  std::uint16_t listener = 0;        ///< by which its client came last
  bool ended = false;                ///< its subscriptions are being taken off; gets nothing any more

 private:
  friend class Sessions;
  /// Waits while the client is away: for the Will Delay, then for the session's end.
  class Absence final : public ReactorTimer {
   public:
    explicit Absence(OwnedSession& session) : session_(session) {}
    void due(const OnReactor& here) override;

   private:
    OwnedSession& session_;
  };

  bool may_read(const OnReactor& here, Publication& publication);
  /// Whom the log's lines are about; `address` is filled in and must outlive it.
  log::Subject subject(std::string& address) const;
  void log_denial(const OnReactor& here, const char* what, std::string_view topic, const Rule* by);
  static constexpr SteadyTime kPresent = SteadyTime::min();
  bool away() const { return ends_at_ != kPresent; }

  /// What the store has heard of a session that it keeps.
  struct Told {
    KeptReceipts receipts;
    struct Replay {
      Filter* wanted;  ///< the session is on it
      std::uint32_t slot;
    };
    std::map<FilterId, Replay> replays;
    bool ids_in_doubt = false;  ///< see KeptSession
    bool touched = false;       ///< deliveries or receipts have changed since the round began
    bool changed = false;       ///< so has what the session itself is
  };
  void restore(const OnReactor& here, Delivery&& delivery, DeliveryState state);
  void touch();
  void note_receipt(mqtt::PacketId id, std::uint64_t mark);
  void doubt_ids();
  void end_doubt();
  void hold_until_stored();
  [[gnu::noinline]] void note_changes(std::int64_t deliveries, std::int64_t bytes);

  Delivered send_at_qos0(const OnReactor& here, Publication& publication, const std::uint32_t& subscription_identifier,
                         bool retain);
  Delivered keep(const OnReactor& here, Publication& publication, Delivery&& delivery);
  [[gnu::noinline, gnu::cold]] void leave_denied(const OnReactor& here);
  Outbound& outbound();
  /// A message for this client is lost: counts it, and says so once a minute.
  Delivered drop(const OnReactor& here, Metric why, const char* words);
  /// Counts what `change` did to the queue and in-flight messages.
  template <class Change>
  auto counted(const OnReactor& here, Change change);

  Sessions& sessions_;
  const SessionId id_;
  const PublisherId publisher_;
  const std::string client_id_;
  PacketSink* connection_ = nullptr;
  std::unique_ptr<Outbound> outbound_;
  std::unique_ptr<log::LinePerMinute> drop_line_;
  std::unique_ptr<SessionAccess> access_;
  std::unique_ptr<PacketIds> inbound_;
  std::unique_ptr<Told> told_;  ///< null: the store has not heard of it
  Absence absence_{*this};
  SteadyTime ends_at_ = kPresent;  ///< max: never
  std::uint16_t receive_maximum_ = mqtt::kReceiveMaximumDefault;
  std::uint16_t unreleased_before_ = 0;  ///< when this connection came

 public:
  std::uint32_t since = 0;  ///< when its client came, or left, in seconds of the monotonic clock
};
static_assert(sizeof(OwnedSession) <= 224, "one of mimalloc's sizes; the next is 256 (docs/design.md, Memory)");

}  // namespace bramble
