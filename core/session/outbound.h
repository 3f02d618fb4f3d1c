#pragma once

#include <bitset>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "core/base/result.h"
#include "core/base/ring.h"
#include "core/mqtt/encode.h"
#include "core/session/doubted_ids.h"
#include "core/session/local_message.h"
#include "core/session/publication.h"

namespace bramble {

/// What a session writes to: the connection it has now.  Threads: the session's reactor.
class PacketSink {
 public:
  enum class Sent {
    yes,
    too_large
  };  ///< too_large: over the client's Maximum Packet Size, counts as sent  [MQTT-3.1.2-25]

  /// `header.packet_id`, qos, retain, dup and subscription identifiers are set; expiry and aliases are the sink's
  /// business.
  virtual Sent send_publish(Publication& publication, mqtt::PublishHeader header) = 0;
  virtual void send_pubrel(mqtt::PacketId id) = 0;
  /// False while the client is so far behind that nothing that can wait should be written.
  virtual bool has_room() const = 0;
  /// The same, after what waits was offered to the client: nothing is dropped that it would have taken.
  virtual bool make_room() = 0;
  /// May the client be sent this by the rules that hold now? Asked of what was taken while others held.
  virtual bool may_get(Publication& publication) = 0;
  /// The client's address, for the log; empty: not known.
  virtual std::string peer() const { return {}; }

 protected:
  ~PacketSink() = default;
};

/// One message on its way to one client: at the QoS and with the flags of one matching subscription.
struct Delivery {
  LocalMessage message;
  FilterId share{};                           ///< the $share group it was picked for; 0: none
  std::uint64_t row = 0;                      ///< of the store's record of it; 0: there is none
  std::uint32_t subscription_identifier = 0;  ///< 0: none
  std::uint32_t rights{};                     ///< those it was allowed by; Outbound's to count
  mqtt::Qos qos = mqtt::Qos::at_most_once;
  bool retain = false;
  bool late = false;  ///< of a PUBLISH of the round before the open one: told at once, on its own
};
static_assert(sizeof(Delivery) == 40, "what a queued message costs beside itself (docs/design.md, Memory)");

/// How far a Delivery has come.
struct DeliveryState {
  /// queued: not sent yet. The others: it is in flight, and that is the acknowledgement it waits for.
  enum class Stage : std::uint8_t { queued, puback, pubrec, pubcomp } stage = Stage::queued;
  mqtt::PacketId packet_id = 0;  ///< 0 while queued
  bool operator==(const DeliveryState&) const = default;
};

struct OutboundLimits {
  std::uint16_t inflight_messages = 20;  ///< 0: no limit
  std::uint32_t inflight_bytes = 0;      ///< 0: no limit
  std::uint32_t queued_messages = 1000;  ///< beyond those in flight; 0: no limit
  std::uint64_t queued_bytes = 0;        ///< 0: no limit
};

/// QoS 1 and 2 as a sender, for one session: the messages in flight, those that wait for a place there, and what is
/// sent again when the client returns (section 4.3, 4.4, 4.9).
/// Threads: the session's reactor.  Cost: O(1) a message; finding what an acknowledgement is for O(log of those in
/// flight). Bounds: OutboundLimits; the caller drops and counts what offer() refuses.
class Outbound {
 public:
  /// The Network Connection is there (or back). The pump() that follows sends again what was in flight, in its original
  /// order and before anything new [MQTT-4.4.0-1] [MQTT-4.6.0-1], then what waits, as far as Receive Maximum goes.
  void open(PacketSink& sink, std::uint16_t receive_maximum);
  void disconnected() { sink_ = nullptr; }
  /// The client may be sent other messages than before: whether also those that wait, or are in flight, is asked
  /// before each goes out; one that may not is dropped.
  void rights_changed() { ++rights_; }

  enum class Offer { sent, queued, full };
  /// Takes over a QoS 1 or 2 delivery (or a QoS 0 one for an absent client). full: a limit is reached, nothing is kept.
  /// `publication` is what it was made from, if it is at hand: its encoded frames are used then.
  Offer offer(Publication& publication, Delivery&& delivery, const OutboundLimits& limits);
  /// Would offer() send at once?
  bool window_open(std::size_t payload_bytes, const OutboundLimits& limits) const;
  /// Would offer() queue it? What has expired takes nobody's place: it goes first.
  bool queue_open(std::size_t payload_bytes, const OutboundLimits& limits, SteadyTime now);

  /// Acknowledgements. False: the identifier is not in flight in that state (what to answer is the caller's business).
  /// A packet of the wrong kind for its message is an Error (protocol_error).
  Result<bool> on_puback(mqtt::PacketId id);
  Result<bool> on_pubrec(mqtt::PacketId id, mqtt::ReasonCode code);  ///< true: PUBREL was sent or the message is done
  Result<bool> on_pubcomp(mqtt::PacketId id);
  /// Sends what waits as far as there is room; after acknowledgements and when the output has drained.
  void pump(const OutboundLimits& limits, SteadyTime now, TurnBuffer& buffer);

  std::size_t in_flight() const { return in_flight_.size(); }
  std::size_t queued() const { return queue_.size(); }
  std::uint64_t bytes() const { return queued_bytes_ + in_flight_bytes_; }  ///< of payload, queued and in flight
  std::uint64_t expired() const { return expired_; }
  std::uint64_t too_large() const { return too_large_; }

  // --- what the store knows of it (docs/design.md, Rounds) ---
  /// What is sent at QoS 2 must be on the disk first: the PUBLISH with its identifier, then that PUBREC has come.
  /// Behind such a PUBLISH those at QoS 1 wait too, so that messages keep their order.
  void hold_until_stored(bool hold);
  /// Something is, and was not told yet.
  bool holds_untold() const { return holds_untold_; }
  /// Calls tell(Delivery&, DeliveryState) for each delivery that the store does not know as it is. It gives a row to
  /// one that has none.  Cost: those in flight, and those of the queue that have come since the last call.
  template <class Tell>
  void tell_changes(Tell tell);
  /// The same for the one that was offered last, if it is late.
  template <class Tell>
  void tell_late(Tell tell);
  /// What was told is on the disk: sends what was held for that.
  void stored(SteadyTime now, TurnBuffer& buffer);
  /// Has the row of a delivery that is over.
  struct Gone {
    std::uint64_t row = 0;
    MessagePtr message;
  };
  std::vector<Gone> take_gone();  ///< since the last call
  /// The store is to have nothing of it any more: all rows are gone.
  void forget_rows();
  bool has_gone() const { return gone_ != nullptr; }
  /// As it was before a restart; in their order, those in flight first. Before the first open().
  void restore(Delivery&& delivery, DeliveryState state);
  /// Its client may remember Packet Identifiers that the store has not heard of.
  void doubt_ids() { doubted_ = std::make_unique<DoubtedIds>(); }
  bool ids_in_doubt() const { return doubted_ != nullptr; }

  /// The session ends: what was picked for a $share group and may go to another member: QoS 1 and whatever was never
  /// sent; not a QoS 2 message that was  [MQTT-4.8.2-5]
  std::vector<Delivery> take_shared();
  /// The same of what was dropped since the last call, because the client may not have it any more.
  std::vector<Delivery> take_denied();
  bool has_denied() const { return denied_ != nullptr; }

 private:
  using Wait = DeliveryState::Stage;
  enum class Held : std::uint8_t { no, untold, told };
  struct InFlight {
    Delivery delivery;
    mqtt::PacketId id = 0;
    Wait wait = Wait::puback;
    bool counted = false;  ///< in outstanding_: its PUBLISH was sent on this connection, or is held for it
    bool told = false;     ///< the store, that it is so far
    bool sent = false;     ///< its PUBLISH, ever
    Held held = Held::no;  ///< what is to be sent next waits for the store
  };

  std::optional<std::size_t> find(mqtt::PacketId id) const;
  void over(const Delivery& delivery) {
    if (delivery.row != 0) note_gone(delivery);
  }
  [[gnu::noinline]] void note_gone(const Delivery& delivery);
  /// The next of the queue.
  Delivery take_first();
  void complete(std::size_t index);
  bool may_go(Publication& publication, const Delivery& delivery) const {
    return delivery.rights == rights_ || sink_->may_get(publication);
  }
  [[gnu::noinline, gnu::cold]] void deny(const Delivery& delivery);
  void resend(SteadyTime now, TurnBuffer& buffer);
  /// Its PUBLISH, (again) or after it was held.
  bool send(InFlight& entry, SteadyTime now, TurnBuffer& buffer);
  /// False: the message is done already (too large).
  bool transmit(Publication& publication, InFlight& entry, bool dup);
  bool to_be_held(const InFlight& entry) const {
    return holds_ && (entry.wait == Wait::pubrec || held_publishes_ != 0);
  }
  void hold(InFlight& entry) {
    entry.held = Held::untold;
    if (entry.wait != Wait::pubcomp) ++held_publishes_;
    holds_untold_ = true;
  }
  void let_go(InFlight& entry) {
    if (entry.held != Held::no && entry.wait != Wait::pubcomp) --held_publishes_;
    entry.held = Held::no;
  }
  void count(InFlight& entry) {
    if (!entry.counted) ++outstanding_;
    entry.counted = true;
  }
  void start(Publication& publication, Delivery&& delivery);
  mqtt::PacketId after_last_id() const;
  bool sure_of_id(mqtt::Qos qos) { return !doubted_ || qos == mqtt::Qos::at_most_once || release_ids(qos); }
  [[gnu::noinline, gnu::cold]] bool release_ids(mqtt::Qos qos);
  [[gnu::noinline, gnu::cold]] bool was_released(mqtt::PacketId id);
  bool in_use(mqtt::PacketId id) const { return lapped_ ? lapped_->test(id) : find(id).has_value(); }
  void enlist(mqtt::PacketId id);
  bool fits_queue(std::size_t payload_bytes, const OutboundLimits& limits) const;
  void drop_expired(SteadyTime now);

  Ring<InFlight> in_flight_;  ///< in the order of first sending
  Ring<Delivery> queue_;
  PacketSink* sink_ = nullptr;
  std::size_t resend_from_ = 0;                   ///< in_flight_ before here is sent on this connection
  std::uint64_t queued_bytes_ = 0;                ///< payload bytes in queue_
  std::uint64_t in_flight_bytes_ = 0;             ///< payload bytes in in_flight_
  SteadyTime expires_first_ = SteadyTime::max();  ///< not after the first expiry in queue_
  std::uint64_t expired_ = 0;
  std::uint64_t too_large_ = 0;
  std::uint16_t receive_maximum_ = mqtt::kReceiveMaximumDefault;
  std::uint16_t outstanding_ = 0;
  mqtt::PacketId last_id_ = 0;                     ///< given
  std::uint32_t rights_ = 0;                       ///< which the client has now
  std::unique_ptr<std::vector<Delivery>> denied_;  ///< of groups
  std::unique_ptr<std::vector<Gone>> gone_;
  std::size_t told_in_queue_ = 0;  ///< have a row
  std::size_t held_publishes_ = 0;
  bool holds_ = false;
  bool holds_untold_ = false;
  /// Those in use, while in_flight_ may not be in the order of its identifiers.
  std::unique_ptr<std::bitset<65'536>> lapped_;
  std::unique_ptr<DoubtedIds> doubted_;  ///< null: none is in doubt
};

template <class Tell>
void Outbound::tell_changes(Tell tell) {
  holds_untold_ = false;
  for (std::size_t i = 0; i < in_flight_.size(); ++i) {
    InFlight& entry = in_flight_[i];
    if (entry.told) continue;
    tell(entry.delivery, DeliveryState{entry.wait, entry.id});
    entry.told = true;
    if (entry.held == Held::untold) entry.held = Held::told;
  }
  std::size_t first = queue_.size();
  for (std::size_t untold = queue_.size() - told_in_queue_; untold != 0;) {
    if (queue_[--first].row == 0) --untold;
  }
  for (std::size_t i = first; i < queue_.size(); ++i) {
    if (queue_[i].row == 0) tell(queue_[i], DeliveryState{});
  }
  told_in_queue_ = queue_.size();
}

template <class Tell>
void Outbound::tell_late(Tell tell) {
  if (!in_flight_.empty() && in_flight_.back().delivery.late) {
    InFlight& entry = in_flight_.back();
    tell(entry.delivery, DeliveryState{entry.wait, entry.id});
    entry.told = true;
    entry.delivery.late = false;
    if (entry.held == Held::untold) entry.held = Held::told;
  }
  if (!queue_.empty() && queue_.back().late) {
    tell(queue_.back(), DeliveryState{});
    queue_.back().late = false;
    ++told_in_queue_;
  }
}

}  // namespace bramble
