#pragma once

#include <algorithm>
#include <cstdint>

#include "core/mqtt/types.h"

namespace bramble {

/// Packet Identifiers that a client may remember and the broker not: at QoS 2 it had messages with them, and a crash
/// took what the broker knew of that. A new message with one of them it would take for the old one and throw it away,
/// so each is released before it is given again: PUBREL, which the client answers whether it knows the identifier or
/// not [MQTT-4.3.3-11] (0x92 is no error then, 3.7.2.1). After all have been, none is in doubt any more.
/// They are asked for in batches that grow, ahead of what is given. Before the first message at QoS 2 nothing is asked.
/// Threads: the session's reactor.  Cost: O(1) an identifier; 4 bytes each way.
class DoubtedIds {
 public:
  /// May `next` be given, of those not in use the one after `last`, which was given before it?
  bool sure(mqtt::PacketId last, mqtt::PacketId next, mqtt::Qos qos);
  /// Asks for the next ones, if none is asked for: in_use(id), release(id) for each that is not.
  template <class InUse, class Release>
  void ask(InUse in_use, Release release);
  /// PUBCOMP has come. False: for one that was not asked for.
  bool released(mqtt::PacketId id);
  /// The Network Connection is another: what was asked for and not answered is asked for again.
  void reconnected();
  bool over() const { return left_ == 0 && sure_ == asked_; }

 private:
  static constexpr unsigned kIds = 65'535;
  static constexpr std::uint16_t kBatchFirst = 8, kBatchMax = 256;
  static constexpr std::uint32_t kNotBegun = kIds + 1;

  static mqtt::PacketId after(mqtt::PacketId id) { return id == kIds ? mqtt::PacketId{1} : mqtt::PacketId(id + 1); }
  /// In steps of after(); 0 is as 65,535, from where it goes on with 1.
  static unsigned distance(mqtt::PacketId from, mqtt::PacketId to) { return (to + kIds - from) % kIds; }

  std::uint32_t left_ = kNotBegun;  ///< not asked for yet
  mqtt::PacketId sure_ = 0;         ///< up to here they may be given
  mqtt::PacketId asked_ = 0;        ///< up to here they are asked for, but for those in use
  mqtt::PacketId waits_for_ = 0;    ///< the last of them; 0: all have been answered
  std::uint16_t batch_ = kBatchFirst;
};

template <class InUse, class Release>
void DoubtedIds::ask(InUse in_use, Release release) {
  if (waits_for_ != 0) return;
  for (unsigned i = 0; i < batch_ && left_ != 0; ++i, --left_) {
    asked_ = after(asked_);
    if (in_use(asked_)) continue;
    release(asked_);
    waits_for_ = asked_;
  }
  batch_ = std::min<std::uint16_t>(kBatchMax, batch_ * 2);
  if (waits_for_ == 0) sure_ = asked_;  // all are in use: their own exchange releases them
}

}  // namespace bramble
