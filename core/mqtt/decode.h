#pragma once

#include "core/base/result.h"
#include "core/mqtt/frame.h"
#include "core/mqtt/packets.h"

/// Bytes -> packet. Each takes a whole frame of its type and returns the packet or what was wrong with it: the Error's
/// code is what MQTT 5 defines (malformed_packet, protocol_error, unsupported_protocol_version ...). Nothing is
/// allocated but the lists of SUBSCRIBE and UNSUBSCRIBE.  Threads: any.  Lifetime: the packets point into frame.body.
namespace bramble::mqtt {

/// Also reads 3.1 ("MQIsdp", 3) and 3.1.1. unsupported_protocol_version for a known name with another version [MQTT-3.1.2-2]
/// and for another name [MQTT-3.1.2-1]. On an error after the version was read, `version_read` (if given) still tells it,
/// so that the CONNACK can have the right form.
Result<Connect> decode_connect(const Frame& frame, Version* version_read = nullptr);

/// The topic is left unchecked (see Publish), all else is checked: QoS 3, DUP at QoS 0, packet id 0, property placement.
Result<Publish> decode_publish(const Frame& frame, Version version);

/// PUBACK, PUBREC, PUBREL, PUBCOMP, by frame.type. A Reason Code that this packet may not carry is a protocol_error.
Result<Ack> decode_ack(const Frame& frame, Version version);

/// No entry at all is a protocol_error [MQTT-3.8.3-2]; reserved option bits are malformed [MQTT-3.8.3-5]. Whether a
/// filter is valid (beyond being UTF-8) is not decided here, nor No Local on a shared one.
Result<Subscribe> decode_subscribe(const Frame& frame, Version version);
Result<Unsubscribe> decode_unsubscribe(const Frame& frame, Version version);

Result<Disconnect> decode_disconnect(const Frame& frame, Version version);
/// Only in MQTT 5; in 3.x a protocol_error.
Result<Auth> decode_auth(const Frame& frame, Version version);
/// PINGREQ: no body.
Result<void> decode_pingreq(const Frame& frame);

// What a client reads: used by our own clients and tests.
struct SubackView {
  PacketId packet_id = 0;
  std::string_view codes;  ///< one byte a filter
};
Result<Connack> decode_connack(const Frame& frame, Version version);
Result<SubackView> decode_suback(const Frame& frame, Version version);  ///< also UNSUBACK

}  // namespace bramble::mqtt
