#pragma once

#include "core/base/result.h"
#include "core/mqtt/frame.h"
#include "core/mqtt/packets.h"

/// Bytes -> packet. Each takes a whole frame of its type and returns the packet or what was wrong with it: the Error's
/// code is what MQTT 5 defines (malformed_packet, protocol_error, unsupported_protocol_version ...), whatever the
/// version. A packet that is returned is right in all that can be seen from its bytes alone: lengths, flags, UTF-8,
/// Reason Codes, which properties it has and their values; what needs to know the session or the limits is the
/// caller's. Bytes left over behind the last field are malformed.
/// Cost: nothing is allocated but the lists of SUBSCRIBE and UNSUBSCRIBE.
/// Threads: any.  Lifetime: the packets point into frame.body.
namespace bramble::mqtt {

/// Whose packet it is: the two sides may not say the same things.
enum class Sender : std::uint8_t { client, server };

/// Also reads 3.1 ("MQIsdp", 3) and 3.1.1. unsupported_protocol_version for a known name with another version
/// [MQTT-3.1.2-2] and for another name [MQTT-3.1.2-1]. `version_read` (if given) is set as soon as the version was
/// read, so that after an error the CONNACK can have the right form: for an unknown version of a known name it is the
/// nearest one, for an unknown name it is left alone. A Will Topic that is empty or has a wildcard is
/// topic_name_invalid. The Client Identifier may be empty or of any length: what then is the caller's decision.
Result<Connect> decode_connect(const Frame& frame, Version* version_read = nullptr);

/// The topic is left unchecked (see Publish) but for this: one that is empty without an alias is a protocol_error. All
/// else is checked: QoS 3, DUP at QoS 0, packet id 0, property placement, a Response Topic with wildcards. Topic Alias
/// 0 is given as it is. Subscription Identifiers are a protocol_error from a client [MQTT-3.3.4-6]; from a server they
/// are left among the forwarded properties.
/// Cost: 75 instructions, 2.2 ns, in 3.x and in 5 without properties; each property about 120 and 7 ns (AMD EPYC VM,
/// g++ 12 -O2 -flto, callgrind and bench/micro, 2026-11-22).
Result<Publish> decode_publish(const Frame& frame, Version version, Sender sender = Sender::client);

/// PUBACK, PUBREC, PUBREL, PUBCOMP, by frame.type. A Reason Code that this packet may not carry is a protocol_error.
Result<Ack> decode_ack(const Frame& frame, Version version);

/// No entry at all is a protocol_error [MQTT-3.8.3-2]; reserved option bits are malformed [MQTT-3.8.3-5]; QoS 3 is a
/// protocol_error in MQTT 5 (section 3.8.3.1), malformed before [3.1.1: MQTT-3-8.3-4]. Whether a filter is valid
/// (beyond being UTF-8) is not decided here, nor No Local on a shared one.
Result<Subscribe> decode_subscribe(const Frame& frame, Version version, FilterSlice slice = {});
Result<Unsubscribe> decode_unsubscribe(const Frame& frame, Version version, FilterSlice slice = {});

/// A Reason Code that this side may not send is a protocol_error. Whether a Session Expiry Interval may be set now is
/// the caller's to know.
Result<Disconnect> decode_disconnect(const Frame& frame, Version version, Sender sender = Sender::client);
/// Only in MQTT 5; in 3.x a protocol_error. So is one without an Authentication Method, unless it says nothing at all.
Result<Auth> decode_auth(const Frame& frame, Version version);
/// PINGREQ, PINGRESP: no body.
Result<void> decode_pingreq(const Frame& frame);

// What a client reads: used by our own clients and tests.
struct SubackView {
  PacketId packet_id = 0;
  std::string_view codes;  ///< one byte a filter
};
/// 3.x Return codes come as the Reason Codes that say the same.
Result<Connack> decode_connack(const Frame& frame, Version version);
Result<SubackView> decode_suback(const Frame& frame, Version version);  ///< also UNSUBACK

}  // namespace bramble::mqtt
