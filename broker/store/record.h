#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "broker/store/kept.h"

namespace bramble {

/// What rows of the database pack into one column, and back. What comes back is checked: bytes of a file are no better
/// than bytes of a client.  Threads: any.

/// All of a message but its topic and payload, in `to`, which is cleared first.
void write_facts(const ApplicationMessage& message, const Clocks& clocks, std::string& to);
/// Null: the facts are none, or the topic is none that could have been published.
MessagePtr read_message(std::string_view topic, std::string_view payload, std::string_view facts, const Clocks& clocks);

std::string write_will(const Will& will);
std::optional<Will> read_will(std::string_view bytes);

inline constexpr Milliseconds kYear{31'556'952'000};

/// Milliseconds since 1970, as the file has instants. Nothing: not within 200 years from then, as far as the
/// nanoseconds of both clocks reach in any difference of two.
std::int64_t milliseconds_of(WallTime at);
std::optional<WallTime> instant_of(std::int64_t milliseconds);

/// The column st of q. Bits 0-1: QoS, 2: retain, 3-4: stage, 5-20: Packet Identifier. So a row that waits is a small
/// number, and one byte on the disk.
std::int64_t pack(const DeliveryState& state, mqtt::Qos qos, bool retain);
inline constexpr std::int64_t kStateFrom = 3;  ///< the bit from which on a change of state changes it
/// False: nothing that pack() makes.
bool unpack(std::int64_t packed, KeptDelivery& into);

/// The column opts of sub. Bits 0-1: QoS, 2: No Local, 3: Retain As Published; from 4: one more than replay_from, or 0.
std::int64_t pack(const KeptSubscription& subscription);
bool unpack(std::int64_t packed, KeptSubscription& into);

}  // namespace bramble
