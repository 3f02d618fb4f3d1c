#include "broker/session/owned_session.h"

#include <algorithm>

#include "broker/net/tcp.h"
#include "broker/reactor/reactor.h"
#include "broker/session/retain_source.h"
#include "broker/session/sessions.h"

namespace bramble {

using mqtt::Qos;

namespace {
constexpr const char* kTooLarge = "they are above its Maximum Packet Size";
}  // namespace

OwnedSession::OwnedSession(Sessions& sessions, SessionId id, PublisherId publisher, std::string client_id)
    : sessions_(sessions), id_(id), publisher_(publisher), client_id_(std::move(client_id)) {}
OwnedSession::~OwnedSession() = default;

void OwnedSession::Absence::due(const OnReactor& here) { session_.sessions_.absence_over(here, session_); }

template <class Change>
auto OwnedSession::counted(const OnReactor& here, Change change) {
  Outbound& out = *outbound_;
  const auto messages = static_cast<std::int64_t>(out.queued() + out.in_flight());
  const auto bytes = static_cast<std::int64_t>(out.bytes());
  const auto expired = out.expired(), too_large = out.too_large();
  auto result = change(out);
  auto& counters = here.reactor().counters(here);
  counters.add(Metric::queued_messages, static_cast<std::int64_t>(out.queued() + out.in_flight()) - messages);
  counters.add(Metric::queued_bytes, static_cast<std::int64_t>(out.bytes()) - bytes);
  if (out.expired() != expired)
    counters.add(Metric::dropped_expired, static_cast<std::int64_t>(out.expired() - expired));
  for (auto i = too_large; i < out.too_large(); ++i) drop(here, Metric::dropped_too_large, kTooLarge);
  if (out.has_denied()) leave_denied(here);
  if (told_) {
    note_changes(static_cast<std::int64_t>(out.queued() + out.in_flight()) - messages,
                 static_cast<std::int64_t>(out.bytes()) - bytes);
  }
  return result;
}

/// The store keeps it, and so many more deliveries wait than before. What was there before this round and is gone is
/// as much to write as one that is new, but not its payload.
void OwnedSession::note_changes(std::int64_t deliveries, std::int64_t bytes) {
  Ledger& ledger = sessions_.ledger();
  if (!std::exchange(told_->touched, true)) ledger.touched(id_);
  if (outbound_->holds_untold()) ledger.wait_for_round();
  auto gone = outbound_->has_gone() ? outbound_->take_gone() : std::vector<Outbound::Gone>{};
  for (auto& each : gone) {
    bytes += static_cast<std::int64_t>(each.message->payload().size());
    ledger.part().removed.push_back({each.row, std::move(each.message)});
  }
  ledger.count(deliveries + static_cast<std::int64_t>(gone.size()), bytes);
}

/// With `durability commit`, if it is kept. It has no connection that something could be held from already.
void OwnedSession::hold_until_stored() {
  if (outbound_) outbound_->hold_until_stored(told_ && sessions_.ledger().commits());
}

void OwnedSession::leave_denied(const OnReactor& here) {
  sessions_.leave_to_others(here, *this, outbound_->take_denied());
}

Outbound& OwnedSession::outbound() {
  if (!outbound_) {
    outbound_ = std::make_unique<Outbound>();
    hold_until_stored();
    doubt_ids();
    if (connection_) outbound_->open(*connection_, receive_maximum_);
  }
  return *outbound_;
}

void OwnedSession::connected(const OnReactor& here, PacketSink& connection, std::uint16_t receive_maximum,
                             TurnBuffer& buffer) {
  connection_ = &connection;
  receive_maximum_ = receive_maximum;
  unreleased_before_ = static_cast<std::uint16_t>(unreleased());
  if (!outbound_) return;
  counted(here, [&](Outbound& out) {
    out.open(connection, receive_maximum);
    out.pump(sessions_.rules().limits, here.now(), buffer);
    return true;
  });
}

OwnedSession::Delivered OwnedSession::deliver(const OnReactor& here, Publication& publication,
                                              const Subscriber& subscriber, FilterId share, bool retained) {
  if (!may_get(here, publication, subscriber)) return Delivered::dropped;
  if (subscriber.no_local && publication.facts().publisher == publisher_) return Delivered::dropped;  // [MQTT-3.8.3-3]
  const Qos qos = qos_for(publication, subscriber);
  const bool retain = retained || (subscriber.retain_as_published && publication.facts().retain);
  if (qos == Qos::at_most_once) {
    const bool queues = sessions_.rules().queue_qos0_messages;
    if (!connection_ && !queues) return Delivered::dropped;  // nobody is there: nothing is owed
    // not before those that were queued while nobody was there  [MQTT-4.6.0-6]
    const bool waits = !connection_ || (queues && outbound_ && outbound_->queued() != 0);
    if (!waits) return send_at_qos0(here, publication, subscriber.subscription_identifier, retain);
  }
  Delivery delivery;
  delivery.subscription_identifier = subscriber.subscription_identifier;
  delivery.qos = qos;
  delivery.retain = retain;
  delivery.share = share;
  delivery.late = told_ && sessions_.ledger().late;
  return keep(here, publication, std::move(delivery));
}

void OwnedSession::set_access(const std::optional<std::string>& user, const AccessList* list) {
  if (!user && !list && !access_) return;
  if (!access_) access_ = std::make_unique<SessionAccess>();
  if (&access_->user != &user) access_->user = user;
  std::optional<std::string_view> name;
  if (access_->user) name = *access_->user;
  auto rights = list ? list->rights_of(name, client_id_) : nullptr;
  const bool changed = rights != access_->rights;
  access_->marks_are_old = subscriptions.size() != 0 && (access_->marks_are_old || changed);
  if (changed && outbound_) outbound_->rights_changed();
  access_->rights = std::move(rights);
  access_->list = list;
  access_->last_denied_by = nullptr;
  access_->default_denied = false;
}

void OwnedSession::set_mount_point(const std::string& mount_point) {
  if (mount_point.empty() && !access_) return;
  if (!access_) access_ = std::make_unique<SessionAccess>();
  access_->mount_point = mount_point;
  access_->mount_point_known = true;
}

void OwnedSession::set_beginning_of_topics(std::string beginning) {
  if (!access_) access_ = std::make_unique<SessionAccess>();
  access_->mount_point = std::move(beginning);
  access_->mount_point_known = false;
}

std::optional<std::string_view> OwnedSession::mount_point() const {
  if (!access_) return "";
  return access_->mount_point_known ? std::optional<std::string_view>(access_->mount_point) : std::nullopt;
}

bool OwnedSession::may_be_below(std::string_view mount_point) const {
  if (const auto known = this->mount_point()) return *known == mount_point;
  const bool has_nothing = subscriptions.size() == 0 && queued() == 0 && in_flight() == 0;
  return has_nothing || access_->mount_point.starts_with(mount_point);
}

const std::string& OwnedSession::source(std::string& out) const {
  RetainSource source{place_mark(sessions_.listener(*this)), client_id_, std::nullopt};
  if (access_ && access_->user) source.user = *access_->user;
  source.encode(out);
  return out;
}

bool OwnedSession::may_publish(const OnReactor& here, std::string_view topic) {
  if (!access_ || !access_->rights) return true;
  const auto decision = access_->rights->decide(Access::write, topic);
  if (!decision.allowed) log_denial(here, "publish to", topic, decision.rule);
  return decision.allowed;
}

bool OwnedSession::may_read(const OnReactor& here, Publication& publication) {
  const Rights* const rights = access_->rights.get();
  if (publication.read_asked_for == rights) return publication.read_allowed;  // by another subscriber with the same
  const std::string_view topic = publication.content().topic;
  const auto decision = rights->decide(Access::read, topic);
  if (!decision.allowed) log_denial(here, "receive", topic, decision.rule);
  publication.read_asked_for = rights;
  publication.read_allowed = decision.allowed;
  return decision.allowed;
}

log::Subject OwnedSession::subject(std::string& address) const {
  if (connection_) address = connection_->peer();
  log::Subject subject{.client_id = client_id_, .address = address};
  if (access_ && access_->user) subject.user = *access_->user;
  return subject;
}

/// Once for each client and rule: a client that tries on and on must not fill the log, nor one that connects anew.
void OwnedSession::log_denial(const OnReactor& here, const char* what, std::string_view topic, const Rule* by) {
  SessionAccess& access = *access_;
  if (by ? std::exchange(access.last_denied_by, by) == by : std::exchange(access.default_denied, true)) return;
  if (!log::on(LogType::notice)) return;
  const std::string reason =
      by ? access.list->where(*by) + ": " + by->text() : "no rule of " + access.list->file_name() + " allows it";
  std::string address;
  log::Subject about = subject(address);
  if (!here.reactor().may_log(here, reason, host_of(address))) return;
  about.reason = reason;
  about.reason_code = static_cast<std::uint8_t>(mqtt::ReasonCode::not_authorized);
  log::write(LogType::notice, about, "Client {} may not {} {}.", about.name(), what, log::in_sentence(topic));
}

OwnedSession::Delivered OwnedSession::send_at_qos0(const OnReactor& here, Publication& publication,
                                                   const std::uint32_t& subscription_identifier, bool retain) {
  if (!connection_->make_room()) {
    return drop(here, Metric::dropped_qos0_output, "it reads too slowly (max_output_bytes wait)");
  }
  mqtt::PublishHeader header;
  header.retain = retain;
  if (subscription_identifier != 0) header.subscription_identifiers = {&subscription_identifier, 1};
  if (connection_->send_publish(publication, header) == PacketSink::Sent::too_large) {
    return drop(here, Metric::dropped_too_large, kTooLarge);
  }
  return Delivered::sent;
}

OwnedSession::Delivered OwnedSession::drop(const OnReactor& here, Metric why, const char* words) {
  here.reactor().counters(here).add(why);
  if (!drop_line_) drop_line_ = std::make_unique<log::LinePerMinute>();
  if (log::on(LogType::notice) && drop_line_->allow(here.now())) {
    std::string address;
    log::Subject about = subject(address);
    const std::uint64_t more = drop_line_->suppressed();
    const std::string reason = more == 0 ? words : fmt::format("{}; {} more since the last such line", words, more);
    about.reason = reason;
    log::write(LogType::notice, about, "Outgoing messages are being dropped for client {}.", about.name());
  }
  return Delivered::dropped;
}

OwnedSession::Delivered OwnedSession::keep(const OnReactor& here, Publication& publication, Delivery&& delivery) {
  delivery.message = publication.local();
  if (connection_) connection_->make_room();
  outbound();
  const bool late = delivery.late;
  const auto offer = counted(
      here, [&](Outbound& out) { return out.offer(publication, std::move(delivery), sessions_.rules().limits); });
  if (late) sessions_.tell_late(*this);
  if (offer == Outbound::Offer::sent) return Delivered::sent;
  if (offer == Outbound::Offer::queued) return Delivered::queued;
  return drop(here, Metric::dropped_queue_full, "its queue is full (max_queued_messages, max_queued_bytes)");
}

Qos OwnedSession::qos_for(const Publication& publication, const Subscriber& subscriber) const {
  return sessions_.rules().upgrade_outgoing_qos ? subscriber.qos : std::min(subscriber.qos, publication.facts().qos);
}

bool OwnedSession::has_room(Qos qos, std::size_t payload_bytes) const {
  if (!connection_ || !connection_->has_room()) return false;
  if (!outbound_) return true;
  const bool waits_its_turn = qos != Qos::at_most_once || sessions_.rules().queue_qos0_messages;
  if (waits_its_turn && outbound_->queued() != 0) return false;
  return qos == Qos::at_most_once || outbound_->window_open(payload_bytes, sessions_.rules().limits);
}

bool OwnedSession::has_queue_room(const OnReactor& here, std::size_t payload_bytes) {
  if (!outbound_) return true;
  return counted(here,
                 [&](Outbound& out) { return out.queue_open(payload_bytes, sessions_.rules().limits, here.now()); });
}

void OwnedSession::pump(const OnReactor& here, TurnBuffer& buffer) {
  if (!outbound_) return;
  counted(here, [&](Outbound& out) {
    out.pump(sessions_.rules().limits, here.now(), buffer);
    return true;
  });
}

void OwnedSession::restore(const OnReactor& here, Delivery&& delivery, DeliveryState state) {
  outbound();
  counted(here, [&](Outbound& out) {
    out.restore(std::move(delivery), state);
    return true;
  });
}

void OwnedSession::doubt_ids() {
  if (outbound_ && told_ && told_->ids_in_doubt) outbound_->doubt_ids();
}

void OwnedSession::end_doubt() {
  told_->ids_in_doubt = false;
  told_->changed = true;
  touch();
}

void OwnedSession::stored(const OnReactor& here, TurnBuffer& buffer) {
  if (!outbound_) return;
  counted(here, [&](Outbound& out) {
    out.stored(here.now(), buffer);
    out.pump(sessions_.rules().limits, here.now(), buffer);  // one that was too large has left its place
    return true;
  });
}

Result<bool> OwnedSession::on_puback(const OnReactor& here, mqtt::PacketId id, TurnBuffer& buffer) {
  if (!outbound_) return false;
  return counted(here, [&](Outbound& out) {
    auto known = out.on_puback(id);
    out.pump(sessions_.rules().limits, here.now(), buffer);
    return known;
  });
}

Result<bool> OwnedSession::on_pubrec(const OnReactor& here, mqtt::PacketId id, mqtt::ReasonCode code,
                                     TurnBuffer& buffer) {
  if (!outbound_) return false;
  return counted(here, [&](Outbound& out) {
    auto known = out.on_pubrec(id, code);
    if (failed(code)) out.pump(sessions_.rules().limits, here.now(), buffer);
    return known;
  });
}

Result<bool> OwnedSession::on_pubcomp(const OnReactor& here, mqtt::PacketId id, TurnBuffer& buffer) {
  if (!outbound_) return false;
  return counted(here, [&](Outbound& out) {
    auto known = out.on_pubcomp(id);
    if (told_ && told_->ids_in_doubt && !out.ids_in_doubt()) end_doubt();
    out.pump(sessions_.rules().limits, here.now(), buffer);
    return known;
  });
}

void OwnedSession::touch() {
  if (told_ && !std::exchange(told_->touched, true)) sessions_.ledger().touched(id_);
}

void OwnedSession::note_receipt(mqtt::PacketId id, std::uint64_t mark) {
  told_->receipts.replaced(id);
  told_->receipts.note(id, mark);
  touch();
}

bool OwnedSession::has_had(const mqtt::Publish& publish) const {
  if (!awaits_release(publish.packet_id)) return false;
  return !told_ || !told_->receipts.is_another(publish);
}

void OwnedSession::await_release(const mqtt::Publish& publish) {
  if (!inbound_) inbound_ = std::make_unique<PacketIds>();
  inbound_->take(publish.packet_id);
  if (told_) note_receipt(publish.packet_id, message_mark(publish.topic, publish.payload));
}

bool OwnedSession::release(mqtt::PacketId id) {
  if (!inbound_ || !inbound_->release(id)) return false;
  if (told_) note_receipt(id, 0);
  if (inbound_->count() == 0) inbound_.reset();
  unreleased_before_ = std::min(unreleased_before_, static_cast<std::uint16_t>(unreleased()));
  return true;
}

}  // namespace bramble
