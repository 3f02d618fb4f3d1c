#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "core/base/time.h"
#include "core/mqtt/reason_code.h"
#include "core/mqtt/types.h"

/// One plain struct for each Control Packet, as decoded or about to be encoded.
/// Every string_view points into the bytes the packet was decoded from: use it before the next read, or copy it.
namespace bramble::mqtt {

/// Properties of a PUBLISH or a Will that go on to subscribers unchanged and in order: the encoded bytes as received,
/// with Topic Alias and Message Expiry Interval cut out (hence at most three pieces).  [MQTT-3.3.2-15] [MQTT-3.3.2-16]
/// [MQTT-3.3.2-18] [MQTT-3.3.2-20]
struct ForwardedProperties {
  std::array<std::string_view, 3> pieces{};
  std::size_t size() const { return pieces[0].size() + pieces[1].size() + pieces[2].size(); }
};

struct WillFields {
  std::string_view topic;  ///< valid UTF-8, non-empty, no wildcard
  std::string_view payload;
  Qos qos = Qos::at_most_once;
  bool retain = false;
  std::uint32_t delay_seconds = 0;
  std::uint32_t message_expiry = kNoExpiry;
  ForwardedProperties properties;  ///< Will Delay Interval is not in it
};

struct Connect {
  Version version = Version::v5;
  bool bridge = false;      ///< bit 7 of the Protocol Version was set: Mosquitto's mark of a bridge (3.1, 3.1.1)
  bool clean_start = true;  ///< Clean Session in 3.1 and 3.1.1
  std::uint16_t keep_alive = 0;
  std::string_view client_id;
  std::optional<std::string_view> user_name;
  std::optional<std::string_view> password;
  std::optional<WillFields> will;
  // MQTT 5 properties, with the standard's defaults
  std::uint32_t session_expiry = 0;  ///< 3.x: 0 with Clean Session, else kSessionNeverExpires
  std::uint16_t receive_maximum = kReceiveMaximumDefault;
  std::uint32_t maximum_packet_size = 0;  ///< 0: no limit
  std::uint16_t topic_alias_maximum = 0;
  bool request_response_information = false;
  std::optional<bool> request_problem_information;  ///< absent: true, but nobody asked
  std::optional<std::string_view> authentication_method;
  std::optional<std::string_view> authentication_data;
};

struct Connack {
  bool session_present = false;
  ReasonCode code = ReasonCode::success;
  // MQTT 5 properties; what is absent is not sent
  std::optional<std::uint32_t> session_expiry;
  std::optional<std::uint16_t> receive_maximum;
  std::optional<Qos> maximum_qos;  ///< only 0 and 1 may be sent  [MQTT-3.2.2-9]
  std::optional<bool> retain_available;
  std::optional<std::uint32_t> maximum_packet_size;
  std::optional<std::string_view> assigned_client_identifier;
  std::optional<std::uint16_t> topic_alias_maximum;
  std::optional<std::string_view> reason_string;
  std::optional<std::uint16_t> server_keep_alive;
  std::optional<std::string_view> response_information;
};

/// A PUBLISH as it came in. `topic` is not checked beyond its length prefix: TopicMemo::resolve or TopicName::parse
/// does that. Empty with a topic_alias: the alias names the topic.
struct Publish {
  Publish() {}  // written out, so that making one is a few stores: g++ otherwise zeroes all 128 bytes first (rep stos)
  std::string_view topic;
  std::string_view payload;
  Qos qos = Qos::at_most_once;
  bool retain = false;
  bool dup = false;
  PacketId packet_id = 0;                    ///< 0 at QoS 0
  std::optional<std::uint16_t> topic_alias;  ///< as sent: 0 too
  std::uint32_t message_expiry = kNoExpiry;
  std::optional<std::uint8_t> payload_format;
  std::optional<std::string_view> response_topic;
  ForwardedProperties properties;
  bool forwarded_whole = true;  ///< `properties` are all that came: nothing was cut out
};

/// PUBACK, PUBREC, PUBREL, PUBCOMP.
struct Ack {
  PacketId packet_id = 0;
  ReasonCode code = ReasonCode::success;
};

enum class RetainHandling : std::uint8_t { send_at_subscribe = 0, send_if_new = 1, do_not_send = 2 };

struct SubscriptionOptions {
  Qos qos = Qos::at_most_once;
  bool no_local = false;
  bool retain_as_published = false;
  RetainHandling retain_handling = RetainHandling::send_at_subscribe;
  bool operator==(const SubscriptionOptions&) const = default;
};

struct SubscribeEntry {
  std::string_view filter;  ///< valid UTF-8, not yet checked as a Topic Filter: each gets its own Reason Code
  SubscriptionOptions options;
};

/// A part of the Topic Filters of a SUBSCRIBE or UNSUBSCRIBE, which can name 300,000: so many of them, from this byte
/// of the packet's body on. 0: the first.
struct FilterSlice {
  std::size_t from = 0;
  std::size_t most = SIZE_MAX;
};

struct Subscribe {
  std::size_t next = 0;  ///< where the next slice begins; the body's size: this was the last
  PacketId packet_id = 0;
  std::uint32_t subscription_identifier = 0;  ///< 0: none
  std::vector<SubscribeEntry> entries;
};

struct Unsubscribe {
  std::size_t next = 0;  ///< as in Subscribe
  PacketId packet_id = 0;
  std::vector<std::string_view> filters;  ///< as in SubscribeEntry
};

struct Disconnect {
  ReasonCode code = ReasonCode::success;
  std::optional<std::uint32_t> session_expiry;
};

struct Auth {
  ReasonCode code = ReasonCode::success;
  std::optional<std::string_view> authentication_method;
};

}  // namespace bramble::mqtt
