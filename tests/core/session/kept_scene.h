#pragma once

#include <string>

#include "tests/core/session/outbound_scene.h"

namespace bramble::testing {

/// A session that is kept: what is told is noted as "a row 1 puback #1", and rows are given from 1 on.
struct KeptScene : Scene {
  using Scene::Scene;

  auto noting(Texts& told) {
    return [this, &told](Delivery& delivery, DeliveryState state) {
      static constexpr const char* kStages[] = {"queued", "puback", "pubrec", "pubcomp"};
      const bool is_new = delivery.row == 0;
      if (is_new) delivery.row = ++last_row;
      std::string note(delivery.message->payload());
      note += (is_new ? " new row " : " row ") + std::to_string(delivery.row);
      note += std::string(" ") + kStages[static_cast<int>(state.stage)];
      if (state.packet_id != 0) note += " #" + std::to_string(state.packet_id);
      told.push_back(note);
    };
  }
  Texts tell() {
    Texts told;
    out.tell_changes(noting(told));
    return told;
  }
  Texts tell_late() {
    Texts told;
    out.tell_late(noting(told));
    return told;
  }
  /// A round: told, and then on the disk.
  void store() {
    tell();
    out.stored(clock.now(), buffer);
  }
  /// "a row 1" for each.
  Texts gone() {
    Texts all;
    for (const auto& each : out.take_gone()) {
      all.push_back(std::string(each.message->payload()) + " row " + std::to_string(each.row));
    }
    return all;
  }
  Outbound::Offer offer_late(mqtt::Qos qos, const std::string& payload) {
    const ApplicationMessage::Facts facts{qos, false, mqtt::kNoExpiry, clock.now(), {}};
    Publication publication({"topic", {}, payload}, facts, clock.now(), buffer);
    Delivery delivery;
    delivery.message = publication.local();
    delivery.qos = qos;
    delivery.late = true;
    return out.offer(publication, std::move(delivery), limits);
  }
  void restore(const std::string& payload, mqtt::Qos qos, DeliveryState state, std::uint32_t expiry = mqtt::kNoExpiry) {
    const ApplicationMessage::Facts facts{qos, false, expiry, clock.now(), {}};
    Delivery delivery;
    delivery.message = LocalMessage(MessagePtr::make({"topic", {}, payload}, facts));
    delivery.row = ++last_row;
    delivery.qos = qos;
    out.restore(std::move(delivery), state);
  }

  std::uint64_t last_row = 0;
};

}  // namespace bramble::testing
