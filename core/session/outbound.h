#pragma once

#include <bitset>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "core/base/result.h"
#include "core/base/ring.h"
#include "core/mqtt/encode.h"
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
  std::uint32_t subscription_identifier = 0;  ///< 0: none
  mqtt::Qos qos = mqtt::Qos::at_most_once;
  bool retain = false;
  FilterId share{};        ///< the $share group it was picked for; 0: none
  std::uint32_t rights{};  ///< those it was allowed by; Outbound's to count
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

  /// The session ends: what was picked for a $share group and may go to another member: QoS 1 and whatever was never
  /// sent; not a QoS 2 message that was  [MQTT-4.8.2-5]
  std::vector<Delivery> take_shared();
  /// The same of what was dropped since the last call, because the client may not have it any more.
  std::vector<Delivery> take_denied();
  bool has_denied() const { return denied_ != nullptr; }

 private:
  enum class Wait : std::uint8_t { puback, pubrec, pubcomp };
  struct InFlight {
    Delivery delivery;
    mqtt::PacketId id = 0;
    Wait wait = Wait::puback;
    bool counted = false;  ///< in outstanding_: its PUBLISH was sent on this connection
  };

  std::optional<std::size_t> find(mqtt::PacketId id) const;
  void complete(std::size_t index);
  bool may_go(Publication& publication, const Delivery& delivery) const {
    return delivery.rights == rights_ || sink_->may_get(publication);
  }
  [[gnu::noinline, gnu::cold]] void deny(const Delivery& delivery);
  void resend(SteadyTime now, TurnBuffer& buffer);
  /// False: the message is done already (too large).
  bool transmit(Publication& publication, InFlight& entry, bool dup);
  void start(Publication& publication, Delivery&& delivery);
  mqtt::PacketId next_id();
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
  /// Those in use, while in_flight_ may not be in the order of its identifiers.
  std::unique_ptr<std::bitset<65'536>> lapped_;
};

}  // namespace bramble
