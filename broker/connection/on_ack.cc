#include "broker/connection/connections.h"
#include "broker/connection/handlers.h"

namespace bramble {

using mqtt::PacketType;
using mqtt::ReasonCode;

namespace {
/// An acknowledgement has made room: what is still to be replayed may go on.
void room_made(const OnReactor& here, Connection& from) {
  if (!from.session().replays.empty()) from.parts().connections.replay_later(here, from);
}
}  // namespace

Result<void> on_puback(const OnReactor& here, Connection& from, const mqtt::Frame& frame) {
  const auto ack = mqtt::decode_ack(frame, from.version());
  if (!ack) return Failure(ack.error());
  const auto known = from.session().on_puback(here, ack->packet_id, here.reactor().turn_buffer(here));
  if (!known) return Failure(known.error());
  room_made(here, from);
  return {};
}

Result<void> on_pubrec(const OnReactor& here, Connection& from, const mqtt::Frame& frame) {
  const auto ack = mqtt::decode_ack(frame, from.version());
  if (!ack) return Failure(ack.error());
  const auto known = from.session().on_pubrec(here, ack->packet_id, ack->code, here.reactor().turn_buffer(here));
  if (!known) return Failure(known.error());
  if (!*known && !failed(ack->code)) {  // so that the client can end its exchange too
    from.send([&](std::string& out) {
      mqtt::append_ack(out, from.version(), PacketType::pubrel, ack->packet_id,
                       ReasonCode::packet_identifier_not_found);
    });
  }
  room_made(here, from);
  return {};
}

Result<void> on_pubcomp(const OnReactor& here, Connection& from, const mqtt::Frame& frame) {
  const auto ack = mqtt::decode_ack(frame, from.version());
  if (!ack) return Failure(ack.error());
  const auto known = from.session().on_pubcomp(here, ack->packet_id, here.reactor().turn_buffer(here));
  if (!known) return Failure(known.error());
  room_made(here, from);
  return {};
}

Result<void> on_pubrel(const OnReactor&, Connection& from, const mqtt::Frame& frame) {
  const auto ack = mqtt::decode_ack(frame, from.version());
  if (!ack) return Failure(ack.error());
  const bool known = from.session().release(ack->packet_id);
  // [MQTT-4.3.3-11]; an unknown identifier is no error after a reconnect
  const ReasonCode code = known ? ReasonCode::success : ReasonCode::packet_identifier_not_found;
  // the client may use it again then, for a message that must not be taken for this one after a power cut
  if (from.parts().ledger.commits() && from.session().kept()) {
    from.send_ack_when_stored(PacketType::pubcomp, ack->packet_id, code);
  } else {
    from.send_ack(PacketType::pubcomp, ack->packet_id, code);
  }
  return {};
}

}  // namespace bramble
