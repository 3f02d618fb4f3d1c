#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/strong.h"
#include "core/base/time.h"
#include "core/mqtt/application_message.h"
#include "core/session/outbound.h"
#include "core/session/will.h"
#include "core/topic/retained_messages.h"

namespace bramble {

/// Both clocks at one moment: what the reactors time by, and what means the same after a restart.
struct Clocks {
  SteadyTime steady;
  WallTime wall;

  static Clocks now() { return {std::chrono::steady_clock::now(), std::chrono::system_clock::now()}; }
  WallTime wall_at(SteadyTime at) const { return wall + std::chrono::duration_cast<WallTime::duration>(at - steady); }
  SteadyTime steady_at(WallTime at) const {
    return steady + std::chrono::duration_cast<SteadyTime::duration>(at - wall);
  }
};

// What outlives the process, as values: reactors make them and hand them to the store, and get them back at the start.

/// A session that outlives its connection.
struct KeptSession {
  SessionId id{};
  std::string client_id;
  std::uint32_t expiry_seconds = 0;   ///< Session Expiry Interval; all ones: never
  std::optional<SteadyTime> gone_at;  ///< since when its client is away; nothing: it is there
  std::optional<std::string> user;
  std::string listener;                    ///< by which its client came last: its port or path
  std::optional<std::string> mount_point;  ///< nothing: not known, for Mosquitto does not write it
  std::optional<Will> will;                ///< not published yet; Will::delay counts from gone_at
  /// Its client may remember Packet Identifiers that are not here: they were given before a crash, and not told yet.
  bool ids_in_doubt = false;
};

struct KeptSubscription {
  SessionId session{};
  std::string filter;  ///< with $share/NAME/, if it is shared
  mqtt::Qos qos = mqtt::Qos::at_most_once;
  bool no_local = false;
  bool retain_as_published = false;
  std::uint32_t subscription_identifier = 0;  ///< 0: none
  /// Retained messages are yet to be sent for it, of this slot and those above; nothing: none.
  std::optional<std::uint32_t> replay_from{};
};

/// One message that waits for, or is in flight to, one session.
struct KeptDelivery {
  std::uint64_t row = 0;  ///< rising, in the order in which the session gets them; never 0
  SessionId session{};
  MessagePtr message;
  DeliveryState state;
  mqtt::Qos qos = mqtt::Qos::at_most_once;
  bool retain = false;
  std::uint32_t subscription_identifier = 0;  ///< 0: none
  std::unique_ptr<const std::string>
      share{};  ///< the shared filter it was picked for, $share/NAME/ and all; null: none
};

/// A QoS 2 message of the client has come and is not released: another with its identifier and mark is the same one.
struct KeptReceipt {
  SessionId session{};
  mqtt::PacketId packet_id = 0;
  std::uint64_t mark = 0;  ///< of the message (message_mark); 0: not known
};

/// What one reactor has to tell the store in one round: what differs from what it told in the rounds before.
struct Part {
  std::vector<SessionId> ended;       ///< with their subscriptions and receipts; their deliveries are in `removed`
  std::vector<KeptSession> sessions;  ///< new, or changed
  struct SubscriptionChange {
    KeptSubscription subscription;
    bool removed = false;  ///< then only session and filter count
  };
  std::vector<SubscriptionChange> subscriptions;  ///< in their order
  std::vector<KeptDelivery> deliveries;           ///< new, by rising row
  struct DeliveryChange {
    std::uint64_t row = 0;
    DeliveryState state;
  };
  std::vector<DeliveryChange> changed;
  struct RemovedDelivery {
    std::uint64_t row = 0;
    MessagePtr message;
  };
  std::vector<RemovedDelivery> removed;
  struct ReceiptChange {
    KeptReceipt receipt;
    bool released = false;
  };
  std::vector<ReceiptChange> receipts;  ///< in their order

  bool empty() const {
    return ended.empty() && sessions.empty() && subscriptions.empty() && deliveries.empty() && changed.empty() &&
           removed.empty() && receipts.empty();
  }
};

using RetainedChange = RetainedMessages::Change;

}  // namespace bramble
