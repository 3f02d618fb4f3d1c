#pragma once

#include <cstdint>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/mqtt/packets.h"
#include "core/mqtt/types.h"
#include "core/session/packet_ids.h"

namespace bramble {

/// What tells a QoS 2 message from the next one that has its Packet Identifier: 1 to 2^53 - 1, a whole number in JSON,
/// and the same on every machine. O(bytes), gigabytes a second.
std::uint64_t message_mark(std::string_view topic, std::string_view payload);

/// The QoS 2 messages that a client has not released, as the store has heard of them.
///
/// With `durability interval` a receipt on the disk may be older than the message that has its identifier: the client
/// has released the one and sent the other since. Sent again after a restart, the other is not the one that was had.
/// [MQTT-4.3.3-10]
///
/// Threads: the session's reactor only.
class KeptReceipts {
 public:
  /// `id` has come with a message of this mark (0: not known), or is released.
  void note(mqtt::PacketId id, std::uint64_t mark) {
    if (changed_.size() == changed_max_) drop_overtaken();
    changed_.push_back({id, mark});
  }
  /// It has come from the store.
  void restore(mqtt::PacketId id, std::uint64_t mark);
  /// What has this identifier now came since the restart.
  void replaced(mqtt::PacketId id);
  /// What has this identifier since before the restart is not what comes now: that is another message, or is sent for
  /// the first time [MQTT-3.3.1-1].
  bool is_another(const mqtt::Publish& publish) const;
  /// The round closes: visit(id, mark, released) for what differs from the one before, by rising id.
  /// `awaits`: bool(PacketId), what is so now. O(n log n) of the notes.
  template <class Awaits, class Visit>
  void tell(Awaits awaits, Visit visit);

 private:
  struct Note {
    mqtt::PacketId id = 0;
    std::uint64_t mark = 0;
  };
  static constexpr std::size_t kNotesMin = 1024;
  /// The last of each identifier, by rising identifier.
  std::vector<Note> take_changed();
  /// So that a long round does not remember each message.
  [[gnu::noinline, gnu::cold]] void drop_overtaken();

  PacketIds told_;
  std::vector<Note> changed_;
  std::size_t changed_max_ = kNotesMin;
  std::unordered_map<mqtt::PacketId, std::uint64_t> from_before_;  ///< the restart; not released since
};

template <class Awaits, class Visit>
void KeptReceipts::tell(Awaits awaits, Visit visit) {
  for (const Note& note : take_changed()) {
    if (awaits(note.id)) {
      told_.take(note.id);
      visit(note.id, note.mark, false);
    } else if (told_.release(note.id)) {
      visit(note.id, note.mark, true);
    }
  }
}

}  // namespace bramble
