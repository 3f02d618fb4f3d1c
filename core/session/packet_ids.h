#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "core/mqtt/types.h"

namespace bramble {

/// The Packet Identifiers this broker has in use towards one client. Lives and dies with the session.
/// Cost: up to 64 in use a sorted vector, above an 8 KiB bitmap; nothing is owned while none is in use. acquire and
/// release are O(in use) in the vector, then O(1) until most ids are in use.
/// Errors: none left is an answer, not a fault: wait for an acknowledgement.  [MQTT-2.2.1-4]
/// Threads: the session's reactor only.
class PacketIds {
 public:
  std::optional<mqtt::PacketId> acquire();  ///< never 0; the one after the last given, skipping those in use
  bool take(mqtt::PacketId id);             ///< marks a known one, at restore; false if it is 0 or in use already
  bool release(mqtt::PacketId id);          ///< false: it was not in use
  bool in_use(mqtt::PacketId id) const;
  /// Calls visit(PacketId) for each, rising. O(in use), or O(65535) when there are many.
  template <class Visit>
  void each(Visit visit) const {
    for (const mqtt::PacketId id : few_) visit(id);
    for (std::size_t id = 1; many_ && id <= kIds; ++id) {
      if (in_use(static_cast<mqtt::PacketId>(id))) visit(static_cast<mqtt::PacketId>(id));
    }
  }
  std::size_t count() const { return many_ ? many_count_ : few_.size(); }

 private:
  static constexpr std::size_t kFewMax = 64;
  static constexpr std::size_t kIds = 65'535;
  using Bitmap = std::array<std::uint64_t, 1024>;

  mqtt::PacketId first_free(mqtt::PacketId from) const;
  void mark(mqtt::PacketId id);
  void unmark(mqtt::PacketId id);
  bool is_oldest(mqtt::PacketId id) const { return !few_.empty() && few_.front() == id; }  ///< if few are in use
  void become_many();
  void become_few();

  std::vector<mqtt::PacketId> few_;  ///< sorted; empty while many_ is there
  std::unique_ptr<Bitmap> many_;
  std::uint16_t many_count_ = 0;
  mqtt::PacketId last_ = 0;
};

}  // namespace bramble
