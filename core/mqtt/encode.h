#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "core/base/turn_buffer.h"
#include "core/mqtt/packets.h"

/// Packet -> bytes. Small packets are appended to a std::string; a PUBLISH is laid out in pieces, because its payload
/// and the properties it shares with other subscribers need not be copied.  Threads: any.  Errors: none (lengths
/// that the standard forbids are our bug and are checked).
namespace bramble::mqtt {

/// What a delivered PUBLISH takes from the message: the same for every subscriber.
struct PublishContent {
  std::string_view topic;
  ForwardedProperties properties;  ///< ignored below MQTT 5
  std::string_view payload;
};

/// And what differs between subscribers.
struct PublishHeader {
  Qos qos = Qos::at_most_once;
  bool retain = false;
  bool dup = false;
  PacketId packet_id = 0;                    ///< 0 at QoS 0
  std::uint32_t message_expiry = kNoExpiry;  ///< seconds left; kNoExpiry: no property
  std::uint16_t topic_alias = 0;             ///< 0: none
  bool topic_omitted = false;                ///< the alias alone names the topic: an empty Topic Name is sent
  std::span<const std::uint32_t> subscription_identifiers{};
};

/// Bytes of the whole packet (fixed header included), so that memory can be had and Maximum Packet Size be checked.
/// A message near the standard's own limit can outgrow it by the properties added here: more than kPacketSizeMax must
/// not be sent.
std::size_t publish_size(Version version, const PublishHeader& header, const PublishContent& content);
/// Bytes of it up to the payload.
std::size_t publish_head_size(Version version, const PublishHeader& header, const PublishContent& content);
/// Writes all up to the payload into `to` (publish_head_size bytes) and returns where the payload goes.
/// Layout in MQTT 5: fixed header, topic, packet id, property length, own properties (alias, subscription
/// identifiers), then the shared tail: Message Expiry Interval first, the other properties as received.
char* write_publish_head(char* to, Version version, const PublishHeader& header, const PublishContent& content);

/// The whole packet in the turn's memory.
struct EncodedPublish {
  char* bytes;
  std::size_t size;
  std::size_t packet_id_at;  ///< counted from `bytes`; meaningless at QoS 0
};
EncodedPublish encode_publish(TurnBuffer& buffer, Version version, const PublishHeader& header,
                              const PublishContent& content);

void append_publish(std::string& out, Version version, const PublishHeader& header, const PublishContent& content);
void append_connect(std::string& out, const Connect& connect);
/// In 3.x a code without a Return code appends nothing: the connection is closed without a CONNACK. In MQTT 5 a code
/// that a CONNACK may not carry becomes unspecified_error.
void append_connack(std::string& out, Version version, const Connack& connack);
/// PUBACK, PUBREC, PUBREL, PUBCOMP. A code that this packet may not carry is our bug (checked). Two bytes of body when
/// the code is success or the version below 5.
void append_ack(std::string& out, Version version, PacketType type, PacketId id, ReasonCode code = ReasonCode::success,
                std::string_view reason_string = {});
/// The same, when there is no more to say than that: kShortAck bytes.
inline constexpr std::size_t kShortAck = 4;
void write_short_ack(char* to, PacketType type, PacketId id);
void append_subscribe(std::string& out, Version version, const Subscribe& subscribe);
void append_unsubscribe(std::string& out, Version version, const Unsubscribe& unsubscribe);
/// `codes`: one a filter. Below MQTT 5 a failure is written as 0x80  [3.1.1: MQTT-3.9.3-2]
void append_suback(std::string& out, Version version, PacketId id, std::span<const ReasonCode> codes);
/// Below MQTT 5 an UNSUBACK has no payload.
void append_unsuback(std::string& out, Version version, PacketId id, std::span<const ReasonCode> codes);
void append_pingreq(std::string& out);
void append_pingresp(std::string& out);
/// Only sent by a server in MQTT 5; for 3.x clients (our own) an empty DISCONNECT. A code that a DISCONNECT may not
/// carry becomes unspecified_error.
void append_disconnect(std::string& out, Version version, ReasonCode code, std::string_view reason_string = {});
void append_auth(std::string& out, ReasonCode code, std::string_view authentication_method);

}  // namespace bramble::mqtt
