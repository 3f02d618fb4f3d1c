#include "core/session/outbound.h"

#include <algorithm>

namespace bramble {

using mqtt::PacketId;
using mqtt::Qos;

void Outbound::open(PacketSink& sink, std::uint16_t receive_maximum) {
  sink_ = &sink;
  receive_maximum_ = receive_maximum;
  outstanding_ = 0;
  resend_from_ = 0;
  if (doubted_) doubted_->reconnected();
  for (std::size_t i = 0; i < in_flight_.size(); ++i) in_flight_[i].counted = false;
}

bool Outbound::window_open(std::size_t payload_bytes, const OutboundLimits& limits) const {
  if (!sink_ || !sink_->has_room() || resend_from_ < in_flight_.size()) return false;
  if (outstanding_ >= receive_maximum_) return false;
  if (limits.inflight_messages != 0 && in_flight_.size() >= limits.inflight_messages) return false;
  if (in_flight_.size() >= 65'535) return false;
  return limits.inflight_bytes == 0 || in_flight_bytes_ == 0 ||
         in_flight_bytes_ + payload_bytes <= limits.inflight_bytes;
}

bool Outbound::fits_queue(std::size_t payload_bytes, const OutboundLimits& limits) const {
  if (limits.queued_messages != 0 && queue_.size() >= limits.queued_messages) return false;
  return limits.queued_bytes == 0 || queued_bytes_ + payload_bytes <= limits.queued_bytes;
}

bool Outbound::queue_open(std::size_t payload_bytes, const OutboundLimits& limits, SteadyTime now) {
  if (!fits_queue(payload_bytes, limits)) drop_expired(now);
  return fits_queue(payload_bytes, limits);
}

Outbound::Offer Outbound::offer(Publication& publication, Delivery&& delivery, const OutboundLimits& limits) {
  const std::size_t bytes = publication.content().payload.size();
  delivery.rights = rights_;
  if (queue_.empty() && delivery.qos != Qos::at_most_once && window_open(bytes, limits) && sure_of_id(delivery.qos)) {
    start(publication, std::move(delivery));
    return Offer::sent;
  }
  if (!queue_open(bytes, limits, publication.now())) return Offer::full;
  queued_bytes_ += bytes;
  expires_first_ = std::min(expires_first_, delivery.message->expires_at());
  queue_.push_back(std::move(delivery));
  return Offer::queued;
}

void Outbound::drop_expired(SteadyTime now) {
  if (now < expires_first_) return;
  Ring<Delivery> kept;
  expires_first_ = SteadyTime::max();
  queued_bytes_ = 0;
  while (!queue_.empty()) {
    Delivery delivery = queue_.pop_front();
    if (delivery.message->expired(now)) {
      ++expired_;
      if (delivery.row != 0) --told_in_queue_;
      over(delivery);
      continue;
    }
    queued_bytes_ += delivery.message->payload().size();
    expires_first_ = std::min(expires_first_, delivery.message->expires_at());
    kept.push_back(std::move(delivery));
  }
  queue_ = std::move(kept);
}

Delivery Outbound::take_first() {
  Delivery first = queue_.pop_front();
  queued_bytes_ -= first.message->payload().size();
  if (first.row != 0) --told_in_queue_;
  return first;
}

/// Never 0, and not in use: they rise, so the next one is free unless they have gone all the way round past one that is
/// still in flight.  [MQTT-2.2.1-4]
[[gnu::always_inline]] inline PacketId Outbound::after_last_id() const {
  PacketId id = last_id_;
  do {
    id = id == 65'535 ? PacketId{1} : static_cast<PacketId>(id + 1);
  } while (in_use(id));
  return id;
}

bool Outbound::release_ids(Qos qos) {
  const auto sure = [&] { return doubted_->sure(last_id_, after_last_id(), qos); };
  if (sure()) return true;
  doubted_->ask([this](PacketId id) { return in_use(id); }, [this](PacketId id) { sink_->send_pubrel(id); });
  return sure();
}

/// By a PUBCOMP for what is not in flight.
bool Outbound::was_released(PacketId id) {
  if (!doubted_->released(id)) return false;
  if (doubted_->over()) doubted_.reset();
  return true;
}

/// Before it is put behind those in flight.
[[gnu::always_inline]] inline void Outbound::enlist(PacketId id) {
  if (in_flight_.empty()) return lapped_.reset();
  if (!lapped_) {
    const PacketId first = in_flight_[0].id;
    if (static_cast<PacketId>(id - first) > static_cast<PacketId>(in_flight_.back().id - first)) return;
    lapped_ = std::make_unique<std::bitset<65'536>>();
    for (std::size_t i = 0; i < in_flight_.size(); ++i) lapped_->set(in_flight_[i].id);
  }
  lapped_->set(id);
}

void Outbound::start(Publication& publication, Delivery&& delivery) {
  check(in_flight_.size() < 65'535, "a packet identifier is free");
  const PacketId id = last_id_ = after_last_id();
  in_flight_bytes_ += publication.content().payload.size();
  enlist(id);
  const Wait wait = delivery.qos == Qos::at_least_once ? Wait::puback : Wait::pubrec;
  InFlight& entry = in_flight_.add();
  entry.delivery = std::move(delivery);
  entry.id = id;
  entry.wait = wait;
  resend_from_ = in_flight_.size();
  if (to_be_held(entry)) {
    hold(entry);
    return count(entry);
  }
  if (!transmit(publication, entry, false)) complete(in_flight_.size() - 1);
}

bool Outbound::transmit(Publication& publication, InFlight& entry, bool dup) {
  mqtt::PublishHeader header;
  header.qos = entry.delivery.qos;
  header.retain = entry.delivery.retain;
  header.dup = dup;
  header.packet_id = entry.id;
  if (entry.delivery.subscription_identifier != 0) {
    header.subscription_identifiers = {&entry.delivery.subscription_identifier, 1};
  }
  if (sink_->send_publish(publication, header) == PacketSink::Sent::too_large) {
    ++too_large_;
    return false;
  }
  entry.sent = true;
  count(entry);
  return true;
}

/// Not what has expired meanwhile, unless it was promised, as QoS 2 is once it was sent (docs/design.md, Expiry); nor
/// what the client may not have any more. False: the message is done.
bool Outbound::send(InFlight& entry, SteadyTime now, TurnBuffer& buffer) {
  const bool promised = entry.wait == Wait::pubrec && entry.sent;
  if (!promised && entry.delivery.message->expired(now)) {
    ++expired_;
    return false;
  }
  Publication publication(entry.delivery.message, now, buffer);
  if (!may_go(publication, entry.delivery)) {
    if (!promised) deny(entry.delivery);
    return false;
  }
  entry.delivery.rights = rights_;
  return transmit(publication, entry, entry.sent);
}

void Outbound::resend(SteadyTime now, TurnBuffer& buffer) {
  while (resend_from_ < in_flight_.size() && sink_->has_room()) {
    InFlight& entry = in_flight_[resend_from_];
    if (entry.wait == Wait::pubcomp) {
      if (entry.held == Held::no) sink_->send_pubrel(entry.id);  // needs no send quota  (4.9)
    } else {
      if (outstanding_ >= receive_maximum_) return;
      if (entry.held != Held::no) {
        count(entry);
      } else if (!send(entry, now, buffer)) {
        complete(resend_from_);
        continue;
      }
    }
    ++resend_from_;
  }
}

void Outbound::pump(const OutboundLimits& limits, SteadyTime now, TurnBuffer& buffer) {
  if (!sink_) return;
  resend(now, buffer);
  while (!queue_.empty()) {
    const std::size_t bytes = queue_.front().message->payload().size();
    if (!window_open(bytes, limits) || !sure_of_id(queue_.front().qos)) return;
    Delivery delivery = take_first();
    if (delivery.message->expired(now)) {
      ++expired_;
      over(delivery);
      continue;
    }
    Publication publication(delivery.message, now, buffer);
    if (!may_go(publication, delivery)) {
      over(delivery);
      deny(delivery);
      continue;
    }
    delivery.rights = rights_;
    if (delivery.qos != Qos::at_most_once) {
      start(publication, std::move(delivery));
      continue;
    }
    mqtt::PublishHeader header;
    header.retain = delivery.retain;
    if (delivery.subscription_identifier != 0) header.subscription_identifiers = {&delivery.subscription_identifier, 1};
    if (sink_->send_publish(publication, header) == PacketSink::Sent::too_large) ++too_large_;
    over(delivery);
  }
}

/// Identifiers are given in rising order, so in_flight_ is sorted by how far they are from the first one's; only when
/// the numbers have gone all the way round past one that is still in flight must all be looked at.
std::optional<std::size_t> Outbound::find(PacketId id) const {
  if (in_flight_.empty()) return std::nullopt;
  const auto distance = [first = in_flight_[0].id](PacketId other) { return static_cast<PacketId>(other - first); };
  if (distance(id) == 0) return 0;  // clients acknowledge in order
  if (!lapped_ && distance(id) > distance(in_flight_.back().id)) return std::nullopt;
  std::size_t low = 0, high = in_flight_.size();
  while (low < high) {
    const std::size_t middle = (low + high) / 2;
    if (distance(in_flight_[middle].id) < distance(id)) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  if (low < in_flight_.size() && in_flight_[low].id == id) return low;
  if (!lapped_ || !lapped_->test(id)) return std::nullopt;
  for (std::size_t i = 0; i < in_flight_.size(); ++i) {
    if (in_flight_[i].id == id) return i;
  }
  return std::nullopt;
}

void Outbound::complete(std::size_t index) {
  const InFlight& entry = in_flight_[index];
  over(entry.delivery);
  if (entry.held != Held::no && entry.wait != Wait::pubcomp) --held_publishes_;
  in_flight_bytes_ -= entry.delivery.message->payload().size();
  if (entry.counted) --outstanding_;
  if (index < resend_from_) --resend_from_;
  if (lapped_) lapped_->reset(entry.id);
  in_flight_.erase(index);
}

Result<bool> Outbound::on_puback(PacketId id) {
  const auto index = find(id);
  if (!index) return false;
  if (in_flight_[*index].wait != Wait::puback) return protocol_error("PUBACK for a message at QoS 2");
  complete(*index);
  return true;
}

Result<bool> Outbound::on_pubrec(PacketId id, mqtt::ReasonCode code) {
  const auto index = find(id);
  if (!index) return false;
  InFlight& entry = in_flight_[*index];
  if (entry.wait == Wait::puback) return protocol_error("PUBREC for a message at QoS 1");
  if (failed(code)) {
    complete(*index);  // the client will not have it: the identifier is free again  (4.3.3)
    return true;
  }
  let_go(entry);
  entry.wait = Wait::pubcomp;
  entry.told = false;
  if (holds_) {
    hold(entry);
  } else if (sink_) {
    sink_->send_pubrel(id);
  }
  return true;
}

Result<bool> Outbound::on_pubcomp(PacketId id) {
  const auto index = find(id);
  if (!index) return doubted_ && was_released(id);
  if (in_flight_[*index].wait != Wait::pubcomp) return protocol_error("PUBCOMP without PUBREC");
  complete(*index);
  return true;
}

std::vector<Delivery> Outbound::take_shared() {
  std::vector<Delivery> shared;
  const auto keep = [&](Delivery& delivery) {
    if (delivery.share != FilterId{}) shared.push_back(std::move(delivery));
  };
  for (std::size_t i = 0; i < in_flight_.size(); ++i) {
    if (in_flight_[i].wait == Wait::puback || !in_flight_[i].sent) keep(in_flight_[i].delivery);
  }
  for (std::size_t i = 0; i < queue_.size(); ++i) keep(queue_[i]);
  return shared;
}

void Outbound::deny(const Delivery& delivery) {
  if (delivery.share == FilterId{}) return;
  if (!denied_) denied_ = std::make_unique<std::vector<Delivery>>();
  denied_->push_back(delivery);
  denied_->back().row = 0;  // it is over here
}

std::vector<Delivery> Outbound::take_denied() {
  const auto denied = std::move(denied_);
  return denied ? std::move(*denied) : std::vector<Delivery>{};
}

// --- the store ---

void Outbound::hold_until_stored(bool hold) {
  holds_ = hold;
  for (std::size_t i = 0; !hold && i < in_flight_.size(); ++i) let_go(in_flight_[i]);
}

void Outbound::note_gone(const Delivery& delivery) {
  if (!gone_) gone_ = std::make_unique<std::vector<Gone>>();
  gone_->push_back({delivery.row, delivery.message.message()});
}

std::vector<Outbound::Gone> Outbound::take_gone() {
  const auto gone = std::move(gone_);
  return gone ? std::move(*gone) : std::vector<Gone>{};
}

void Outbound::forget_rows() {
  const auto forget = [this](Delivery& delivery) {
    over(delivery);
    delivery.row = 0;
  };
  for (std::size_t i = 0; i < in_flight_.size(); ++i) {
    forget(in_flight_[i].delivery);
    in_flight_[i].told = false;
  }
  for (std::size_t i = 0; i < queue_.size(); ++i) forget(queue_[i]);
  told_in_queue_ = 0;
}

void Outbound::stored(SteadyTime now, TurnBuffer& buffer) {
  for (std::size_t i = 0; i < in_flight_.size(); ++i) {
    InFlight& entry = in_flight_[i];
    if (entry.held == Held::untold && entry.wait != Wait::pubcomp) return;  // those behind it wait for it
    if (entry.held != Held::told) continue;
    let_go(entry);
    if (!sink_ || i >= resend_from_) continue;  // it is sent when its turn comes
    if (entry.wait == Wait::pubcomp) {
      sink_->send_pubrel(entry.id);
      continue;
    }
    if (!send(entry, now, buffer)) complete(i--);
  }
}

void Outbound::restore(Delivery&& delivery, DeliveryState state) {
  check(!sink_, "restored before its client comes");
  const std::size_t bytes = delivery.message->payload().size();
  if (state.stage == Wait::queued) {
    queued_bytes_ += bytes;
    expires_first_ = std::min(expires_first_, delivery.message->expires_at());
    if (delivery.row != 0) ++told_in_queue_;
    return queue_.push_back(std::move(delivery));
  }
  if (in_use(state.packet_id)) return over(delivery);  // a damaged file: the first one keeps it
  in_flight_bytes_ += bytes;
  enlist(state.packet_id);
  in_flight_.push_back({std::move(delivery), state.packet_id, state.stage});
  in_flight_.back().told = in_flight_.back().sent = true;
  last_id_ = state.packet_id;
}

}  // namespace bramble
