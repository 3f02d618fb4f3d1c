#pragma once

#include <cstdint>

namespace bramble::mqtt {

/// Where a property or a Reason Code may stand, a bit each, so that one column of a table names all of its places.
/// DISCONNECT counts twice, because the two sides may not say the same things in it.
enum Place : std::uint32_t {
  nowhere = 0,
  in_connect = 1u << 0,
  in_will = 1u << 1,
  in_connack = 1u << 2,
  in_publish = 1u << 3,
  in_puback = 1u << 4,
  in_pubrec = 1u << 5,
  in_pubrel = 1u << 6,
  in_pubcomp = 1u << 7,
  in_subscribe = 1u << 8,
  in_suback = 1u << 9,
  in_unsubscribe = 1u << 10,
  in_unsuback = 1u << 11,
  in_client_disconnect = 1u << 12,
  in_server_disconnect = 1u << 13,
  in_auth = 1u << 14,
};

/// Any number of places.
using Places = std::uint32_t;

inline constexpr Places in_disconnect = in_client_disconnect | in_server_disconnect;
inline constexpr Places in_any_ack = in_puback | in_pubrec | in_pubrel | in_pubcomp;
inline constexpr Places everywhere = (1u << 15) - 1;

}  // namespace bramble::mqtt
