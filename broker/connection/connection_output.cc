// The half of Connection that goes to the client.
#include <algorithm>
#include <cstring>

#include "broker/connection/connections.h"
#include "core/base/bytes.h"

namespace bramble {

using mqtt::PacketType;
using mqtt::ReasonCode;

void Connection::mark_dirty(bool wide) {
  bool& listed = wide ? late_ : dirty_;
  if (dirty_ || listed) return;
  listed = true;
  if (wide) {
    parts_.connections.flush_some_turn(*this);
  } else {
    parts_.connections.flush_this_turn(*this);
  }
}

bool Connection::make_room() {
  if (has_room() || blocked_ || output_held_ || broken_ || state_ != State::connected) return has_room();
  const OnReactor& here = OnReactor::current();
  parts_.router.post_handoffs(here);  // as before every write
  write(here);                        // if it is closed, so it is at the end of the turn
  return has_room();
}

char* Connection::extend(std::size_t size, bool wide) {
  mark_dirty(wide);
  return out_.extend(size);
}

void Connection::queue_packet(std::string_view packet) {
  if (packet.empty()) return;
  std::memcpy(extend(packet.size()), packet.data(), packet.size());
}

void Connection::send_ack(PacketType type, mqtt::PacketId id, ReasonCode code) {
  const bool says_why = is_v5() && code != ReasonCode::success;
  if (says_why || answers_held_ || maximum_packet_size_ != 0) return send_long_ack(type, id, code);
  mqtt::write_short_ack(extend(mqtt::kShortAck), type, id);
}

void Connection::send_long_ack(PacketType type, mqtt::PacketId id, ReasonCode code) {
  answer(false, [&](std::string& out) { mqtt::append_ack(out, version_, type, id, code); });
}

void Connection::send_ack_when_stored(PacketType type, mqtt::PacketId id, ReasonCode code) {
  answer(true, [&](std::string& out) { mqtt::append_ack(out, version_, type, id, code); });
}

void Connection::send_pubrel(mqtt::PacketId id) {
  send([&](std::string& out) { mqtt::append_ack(out, version_, PacketType::pubrel, id, ReasonCode::success); });
}

void Connection::hold_answer(std::string_view packet, bool when_stored) {
  HeldAnswers& held = parts_.connections.held_answers();
  answers_held_ = true;
  if (when_stored) {
    held.add(*this, parts_.ledger.wait_for_round(), packet);
  } else {
    held.add_behind(*this, packet);
  }
}

void Connection::hold_output_until_stored() {
  output_held_ = true;
  parts_.connections.held_answers().hold_output(*this, parts_.ledger.wait_for_round());
}

void Connection::output_is_free() {
  output_held_ = false;
  mark_dirty();
}

void Connection::send_held(const OnReactor& here, std::string_view packets, bool all) {
  queue_packet(packets);
  if (all) answers_held_ = false;
  if (state_ < State::closing) update_interest(here);
}

void Connection::choose_alias(mqtt::PublishHeader& header, const mqtt::PublishContent& content) {
  if (!outbound_aliases_) outbound_aliases_ = std::make_unique<OutboundAliases>();
  header.topic_alias = outbound_aliases_->of(content.topic);
  header.topic_omitted = header.topic_alias != 0;
  if (header.topic_omitted) return;
  header.topic_alias = outbound_aliases_->free_for(content.topic, alias_maximum_);
  if (too_large(header, content)) header.topic_alias = 0;  // an alias of our choosing is no reason to lose it
  if (header.topic_alias != 0) outbound_aliases_->set(content.topic, header.topic_alias);
}

bool Connection::too_large(const mqtt::PublishHeader& header, const mqtt::PublishContent& content) const {
  const std::size_t most = maximum_packet_size_ == 0 ? mqtt::kPacketSizeMax : maximum_packet_size_;
  return mqtt::publish_size(version_, header, content) > std::min(most, mqtt::kPacketSizeMax);  // [MQTT-3.1.2-24]
}

/// Without the mount point, which the client does not know of. Nobody shares what is encoded.
const mqtt::PublishContent& Connection::unmounted(const mqtt::PublishContent& content) {
  parts_.unmounted = content;
  const std::string& point = listener().mount_point;
  if (content.topic.starts_with(point)) parts_.unmounted.topic.remove_prefix(point.size());
  return parts_.unmounted;
}

PacketSink::Sent Connection::send_publish(Publication& publication, mqtt::PublishHeader header) {
  const mqtt::PublishContent& content = mounted_ ? unmounted(publication.content()) : publication.content();
  const bool large = content.payload.size() >= WriteQueue::kReferenceFrom;
  bool may_be_too_large = large;
  if (is_v5()) {
    header.message_expiry = publication.expiry_left();
    if (alias_maximum_ != 0) choose_alias(header, content);
    may_be_too_large |= maximum_packet_size_ != 0 || content.properties.size() >= WriteQueue::kReferenceFrom;
  }
  if (may_be_too_large && too_large(header, content)) return Sent::too_large;
  parts_.counters.add(Metric::messages_sent);
  parts_.counters.add(Metric::publish_sent);
  parts_.counters.add(Metric::publish_bytes_sent, static_cast<std::int64_t>(content.payload.size()));
  const bool plain = !mounted_ && header.topic_alias == 0 && header.subscription_identifiers.empty() && !header.dup;
  if (plain && (!large || goes_on_uncopied(publication, header))) {
    // what waits for a later turn may not refer to this one's memory: see Connections::flush_late
    const bool this_turn = !late_ || out_.lasts_one_turn();
    mark_dirty(publication.wide);
    out_.append_packet(publication.shared_frame(version_, header), header.packet_id, this_turn);
    return Sent::yes;
  }
  if (large) {
    char* const head = extend(mqtt::publish_head_size(version_, header, content), publication.wide);
    mqtt::write_publish_head(head, version_, header, content);
    const LocalMessage& keeper = publication.local();
    out_.append_reference(keeper->payload(), keeper);
    return Sent::yes;
  }
  char* const at = extend(mqtt::publish_size(version_, header, content), publication.wide);
  ByteWriter(mqtt::write_publish_head(at, version_, header, content)).bytes(content.payload);
  return Sent::yes;
}

bool Connection::may_get(Publication& publication) { return session_->may_get(OnReactor::current(), publication); }

bool Connection::goes_on_uncopied(Publication& publication, const mqtt::PublishHeader& header) const {
  return !publication.wide && !late_ && publication.goes_on_as_it_came(version_, header) &&
         out_.continued_by(publication.shared_frame(version_, header).bytes);
}

void Connection::flush(const OnReactor& here) {
  dirty_ = false;
  if (state_ == State::closed || !transport_) return;
  if (blocked_ || output_held_) return out_.own();  // a later turn writes it, and this one's memory is gone then
  // it has moved away, or takes no more
  if (broken_ || ((!out_.empty() || transport_->wants_write()) && !write(here))) {
    out_.clear();
    if (state_ < State::closing && at_door_ != AtDoor::going) hang_up(here);  // what it said before is still read
    return;
  }
  if (!session_ || !has_room() || !was_full_) return;
  was_full_ = false;
  session_->pump(here, here.reactor().turn_buffer(here));
  if (!session_->replays.empty()) parts_.connections.replay_later(here, *this);
}

bool Connection::write(const OnReactor& here) {
  was_full_ |= !has_room();
  const auto moved = out_.empty() ? transport_->write({}) : out_.flush(*transport_);
  parts_.counters.add(Metric::bytes_sent, static_cast<std::int64_t>(moved.bytes));
  if (moved.state == Transport::State::closed) {
    out_.clear();
    broken_ = true;
    return false;
  }
  blocked_ = !out_.empty() || transport_->wants_write();
  if (state_ != State::closing) update_interest(here);
  return true;
}

}  // namespace bramble
