#pragma once

#include <doctest/doctest.h>
#include <string>
#include <utility>
#include <vector>

#include "core/session/outbound.h"
#include "tests/support/fake_clock.h"

namespace bramble::testing {

using Texts = std::vector<std::string>;

/// Notes what is sent: "1 a #1" is payload a at QoS 1 with Packet Identifier 1, "dup" if marked so; "rel #1" a PUBREL.
class Notes final : public PacketSink {
 public:
  Sent send_publish(Publication& publication, mqtt::PublishHeader header) override {
    const std::string payload(publication.content().payload);
    if (payload.size() > size_max) return Sent::too_large;
    std::string note = std::to_string(static_cast<int>(header.qos)) + " " + payload;
    if (header.packet_id != 0) note += " #" + std::to_string(header.packet_id);
    if (header.dup) note += " dup";
    if (header.retain) note += " retain";
    for (const auto id : header.subscription_identifiers) note += " sub " + std::to_string(id);
    sent.push_back(note);
    return Sent::yes;
  }
  void send_pubrel(mqtt::PacketId id) override { sent.push_back("rel #" + std::to_string(id)); }
  bool has_room() const override { return room; }
  bool make_room() override { return room; }
  bool may_get(Publication& publication) override { return publication.content().payload != denied; }
  Texts take() { return std::exchange(sent, {}); }

  Texts sent;
  std::size_t size_max = 1000;
  std::string denied;  // a payload
  bool room = true;
};

/// A session's Outbound with a connection to it, or none.
struct Scene {
  FakeClock clock;
  TurnBuffer buffer;
  OutboundLimits limits;
  Notes notes;
  Outbound out;

  explicit Scene(bool connected = true) {
    if (connected) connect();
  }
  void connect(std::uint16_t receive_maximum = 65'535) {
    out.open(notes, receive_maximum);
    pump();
  }
  void pump() { out.pump(limits, clock.now(), buffer); }
  Outbound::Offer offer(mqtt::Qos qos, const std::string& payload, FilterId share = {},
                        std::uint32_t expiry = mqtt::kNoExpiry) {
    const ApplicationMessage::Facts facts{qos, false, expiry, clock.now(), {}};
    Publication publication({"topic", {}, payload}, facts, clock.now(), buffer);
    Delivery delivery;
    delivery.message = publication.local();
    delivery.qos = qos;
    delivery.share = share;
    return out.offer(publication, std::move(delivery), limits);
  }
  void offer_all(const std::string& payloads, mqtt::Qos qos = mqtt::Qos::at_least_once) {
    for (const char payload : payloads) offer(qos, std::string(1, payload));
  }
  void puback(mqtt::PacketId id) {
    CHECK(out.on_puback(id) == true);
    pump();
  }
};

}  // namespace bramble::testing
