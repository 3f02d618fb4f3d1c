#pragma once

#include <string>
#include <utility>
#include <vector>

#include "broker/store/database.h"

namespace bramble::testing {

/// Keeps what a store is read to hold, and checks that it comes in the promised order.
struct Collected final : Database::Reader {
  std::vector<KeptSession> sessions;
  std::vector<KeptSubscription> subscriptions;
  std::vector<KeptReceipt> receipts;
  std::vector<std::pair<std::uint32_t, MessagePtr>> retained_messages;
  std::vector<KeptDelivery> deliveries;
  int stage = 0;
  bool in_order = true;

  void session(KeptSession session) override {
    at(0);
    sessions.push_back(std::move(session));
  }
  void subscription(KeptSubscription subscription) override {
    at(1);
    subscriptions.push_back(std::move(subscription));
  }
  void receipt(const KeptReceipt& receipt) override {
    at(2);
    receipts.push_back(receipt);
  }
  void retained(std::uint32_t slot, MessagePtr message) override {
    at(3);
    retained_messages.emplace_back(slot, std::move(message));
  }
  void delivery(KeptDelivery delivery) override {
    at(4);
    in_order = in_order && delivery.row > (deliveries.empty() ? 0 : deliveries.back().row);
    deliveries.push_back(std::move(delivery));
  }

  const KeptSession* session_of(std::string_view client_id) const {
    for (const KeptSession& each : sessions) {
      if (each.client_id == client_id) return &each;
    }
    return nullptr;
  }
  std::string client_of(SessionId id) const {
    for (const KeptSession& each : sessions) {
      if (each.id == id) return each.client_id;
    }
    return "?";
  }
  /// The payloads that wait for one client, in their order, with how far they have come: "a 3:puback", "b".
  std::vector<std::string> queue_of(std::string_view client_id) const {
    static constexpr const char* kStages[] = {"", ":puback", ":pubrec", ":pubcomp"};
    std::vector<std::string> queue;
    for (const KeptDelivery& each : deliveries) {
      if (client_of(each.session) != client_id) continue;
      std::string text(each.message->payload());
      if (each.state.packet_id != 0) text += " " + std::to_string(each.state.packet_id);
      queue.push_back(text + kStages[static_cast<int>(each.state.stage)]);
    }
    return queue;
  }

 private:
  void at(int now) {
    in_order = in_order && now >= stage;
    stage = now;
  }
};

}  // namespace bramble::testing
