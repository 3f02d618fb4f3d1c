#include "broker/store/record_writer.h"

#include <algorithm>
#include <fmt/format.h>

#include "broker/log.h"
#include "broker/store/record.h"
#include "core/base/check.h"

namespace bramble {

namespace {

// Ids while a round is written: of messages that have none, and one delivery in it, or more.
constexpr std::uint64_t kInDelivery = ApplicationMessage::StoreMark::kInDelivery;
constexpr std::uint64_t kSeenAgain = ApplicationMessage::StoreMark::kShared, kSeenOnce = kSeenAgain - 1;
constexpr std::uint64_t kLastMessage = kSeenOnce - 1;  // there are no more: they go into deliveries, as often as needed

std::int64_t number(SessionId id) { return static_cast<std::int64_t>(id.value); }
std::int64_t number(std::uint64_t id) { return static_cast<std::int64_t>(id); }

void bind_optional(Statement& statement, int parameter, std::uint32_t value) {
  if (value == 0) {
    statement.bind_null(parameter);
  } else {
    statement.bind(parameter, value);
  }
}

/// The rows of all parts, by rising row: the tables then grow and shrink at one place.
template <class Row>
void gather(std::span<const std::unique_ptr<Part>> parts, std::vector<Row> Part::*rows, std::vector<const Row*>& into) {
  into.clear();
  for (const auto& part : parts) {
    for (const Row& row : (*part).*rows) into.push_back(&row);
  }
  const auto earlier = [](const Row* a, const Row* b) { return a->row < b->row; };
  if (!std::is_sorted(into.begin(), into.end(), earlier)) std::stable_sort(into.begin(), into.end(), earlier);
}

}  // namespace

// REPLACE throughout: a round that has failed may be on the disk all the same, and is then written over.
RecordWriter::RecordWriter(const SqlConnection& connection)
    : connection_(connection),
      bytes_max_(connection.bytes_max()),
      end_session_(connection, "DELETE FROM session WHERE sid = ?1"),
      end_subscriptions_(connection, "DELETE FROM sub WHERE sid = ?1"),
      end_receipts_(connection, "DELETE FROM q2in WHERE sid = ?1"),
      put_session_(
          connection,
          "INSERT OR REPLACE INTO session VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT(sid) DO UPDATE "
          "SET client_id = ?2, expiry = ?3, gone_at = ?4, user = ?5, listener = ?6, mount_point = ?7, "
          "will = ?8, sure_since = ?9"),
      put_subscription_(connection, "INSERT OR REPLACE INTO sub VALUES(?1, ?2, ?3, ?4)"),
      remove_subscription_(connection, "DELETE FROM sub WHERE sid = ?1 AND filter = ?2"),
      put_message_(connection, "INSERT OR REPLACE INTO msg VALUES(?1, ?2, ?3, ?4)"),
      remove_message_(connection, "DELETE FROM msg WHERE id = ?1"),
      put_delivery_(connection, "INSERT OR REPLACE INTO q VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)"),
      change_delivery_(connection, "UPDATE q SET st = (st & 7) | ?2 WHERE g = ?1"),
      remove_delivery_(connection, "DELETE FROM q WHERE g = ?1"),
      put_receipt_(connection, "INSERT OR REPLACE INTO q2in VALUES(?1, ?2, ?3)"),
      remove_receipt_(connection, "DELETE FROM q2in WHERE sid = ?1 AND pid = ?2"),
      put_retained_(connection, "INSERT OR REPLACE INTO retained VALUES(?1, ?2, ?3, ?4)"),
      remove_retained_(connection, "DELETE FROM retained WHERE slot = ?1") {}

bool RecordWriter::write(const Round& round) {
  check(touched_.empty(), "every round is settled or taken back");
  next_message_before_ = next_message_;
  if (write_all(round)) return true;
  take_back();
  return false;
}

bool RecordWriter::write_all(const Round& round) {
  if (!write_sessions(round)) return false;
  for (const auto& part : round.parts) {
    if (!write_subscriptions(*part)) return false;
  }
  if (!write_deliveries(round) || !write_removals(round)) return false;
  for (const auto& part : round.parts) {
    if (!write_receipts(*part)) return false;
  }
  return write_retained(round);
}

/// Those that end come first in all parts, for a client may have begun anew on another reactor.
bool RecordWriter::write_sessions(const Round& round) {
  for (const auto& part : round.parts) {
    for (const SessionId session : part->ended) {
      if (!end(session)) return false;
    }
  }
  for (const auto& part : round.parts) {
    for (const KeptSession& session : part->sessions) {
      if (!put(session, round.clocks)) return false;
    }
  }
  return true;
}

bool RecordWriter::end(SessionId session) {
  return run(end_session_.bind(1, number(session))) && run(end_subscriptions_.bind(1, number(session))) &&
         run(end_receipts_.bind(1, number(session)));
}

bool RecordWriter::put(const KeptSession& session, const Clocks& clocks) {
  const std::string will = session.will ? write_will(*session.will) : std::string();
  put_session_.bind(1, number(session.id)).bind_text(2, session.client_id).bind(3, session.expiry_seconds);
  session.gone_at ? put_session_.bind(4, milliseconds_of(clocks.wall_at(*session.gone_at))) : put_session_.bind_null(4);
  session.user ? put_session_.bind_text(5, *session.user) : put_session_.bind_null(5);
  put_session_.bind_text(6, session.listener);
  session.mount_point ? put_session_.bind_text(7, *session.mount_point) : put_session_.bind_null(7);
  session.will ? put_session_.bind_blob(8, will) : put_session_.bind_null(8);
  put_session_.bind(9, session.ids_in_doubt ? cuts_ - 1 : cuts_);
  return run(put_session_);
}

bool RecordWriter::write_subscriptions(const Part& part) {
  for (const auto& change : part.subscriptions) {
    const KeptSubscription& subscription = change.subscription;
    Statement& statement = change.removed ? remove_subscription_ : put_subscription_;
    statement.bind(1, number(subscription.session)).bind_text(2, subscription.filter);
    if (!change.removed) {
      statement.bind(3, pack(subscription));
      bind_optional(statement, 4, subscription.subscription_identifier);
    }
    if (!run(statement)) return false;
  }
  return true;
}

bool RecordWriter::write_deliveries(const Round& round) {
  gather(round.parts, &Part::deliveries, deliveries_);
  for (const KeptDelivery* delivery : deliveries_) note(*delivery->message);
  for (const KeptDelivery* delivery : deliveries_) {
    if (!put(*delivery, round)) return false;
  }
  for (const auto& part : round.parts) {
    for (const auto& change : part->changed) {
      change_delivery_.bind(1, number(change.row)).bind(2, pack(change.state, mqtt::Qos::at_most_once, false));
      if (!run(change_delivery_)) return false;
    }
  }
  return true;
}

/// Is it the only delivery of its message, as far as the store knows?
void RecordWriter::note(const ApplicationMessage& message) {
  auto& mark = message.store_mark();
  if (mark.id == 0) {
    touch(message).id = kSeenOnce;
  } else if (mark.id == kSeenOnce) {
    mark.id = kSeenAgain;
  }
}

bool RecordWriter::put(const KeptDelivery& delivery, const Round& round) {
  const ApplicationMessage& message = *delivery.message;
  auto& mark = touch(message);
  if (!fits(message)) return mark.id = 0, true;
  if (mark.id == kSeenOnce || (mark.id == kSeenAgain && next_message_ > kLastMessage)) mark.id = kInDelivery;
  if (mark.id == kInDelivery) {
    write_facts(message, round.clocks, facts_);
    put_delivery_.bind_null(3).bind_text(7, message.topic()).bind_blob(8, message.payload()).bind_blob(9, facts_);
    return put_row(delivery);
  }
  const bool recorded = mark.id != kSeenAgain;
  if (!recorded) mark.refer_to(next_message_++);
  check(mark.rows < ApplicationMessage::StoreMark::kRowsMax, "no message waits for 16 million sessions");
  if ((!recorded || round.in_doubt) && !put_message(message, mark.id, round.clocks)) return false;
  ++mark.rows;
  put_delivery_.bind(3, number(mark.id)).bind_null(7).bind_null(8).bind_null(9);
  return put_row(delivery);
}

bool RecordWriter::put_row(const KeptDelivery& delivery) {
  put_delivery_.bind(1, number(delivery.row)).bind(2, number(delivery.session));
  put_delivery_.bind(4, pack(delivery.state, delivery.qos, delivery.retain));
  bind_optional(put_delivery_, 5, delivery.subscription_identifier);
  delivery.share ? put_delivery_.bind_text(6, *delivery.share) : put_delivery_.bind_null(6);
  return run(put_delivery_);
}

bool RecordWriter::put_message(const ApplicationMessage& message, std::uint64_t id, const Clocks& clocks) {
  write_facts(message, clocks, facts_);
  put_message_.bind(1, number(id)).bind_text(2, message.topic()).bind_blob(3, message.payload()).bind_blob(4, facts_);
  return run(put_message_);
}

bool RecordWriter::write_removals(const Round& round) {
  gather(round.parts, &Part::removed, removed_);
  for (const auto* removed : removed_) {
    if (!remove(*removed, round)) return false;
  }
  return true;
}

bool RecordWriter::remove(const Part::RemovedDelivery& removed, const Round& round) {
  if (!run(remove_delivery_.bind(1, number(removed.row)))) return false;
  // A row that is not there was never counted, unless it is a failed round that took it away.
  if (removed.message->store_mark().rows == 0 || (!round.in_doubt && connection_.changed() == 0)) return true;
  auto& mark = touch(*removed.message);
  if (--mark.rows > 0) return true;
  remove_message_.bind(1, number(mark.id));
  mark.id = 0;
  return run(remove_message_);
}

bool RecordWriter::write_receipts(const Part& part) {
  for (const auto& change : part.receipts) {
    Statement& statement = change.released ? remove_receipt_ : put_receipt_;
    statement.bind(1, number(change.receipt.session)).bind(2, change.receipt.packet_id);
    if (!change.released) statement.bind(3, number(change.receipt.mark));
    if (!run(statement)) return false;
  }
  return true;
}

bool RecordWriter::write_retained(const Round& round) {
  return std::all_of(round.retained.begin(), round.retained.end(),
                     [&](const RetainedChange& change) { return put_retained(change, round.clocks); });
}

/// One that is too big goes, too, rather than that the one before it came back after a restart.
bool RecordWriter::put_retained(const RetainedChange& change, const Clocks& clocks) {
  if (!change.message || !fits(*change.message)) return run(remove_retained_.bind(1, change.slot));
  write_facts(*change.message, clocks, facts_);
  put_retained_.bind(1, change.slot).bind_text(2, change.message->topic()).bind_blob(3, change.message->payload());
  return run(put_retained_.bind_blob(4, facts_));
}

/// SQLite as it usually is takes records of 10^9 bytes, and a PUBLISH has at most 268 million; it can be built
/// otherwise.
bool RecordWriter::fits(const ApplicationMessage& message) {
  if (message.memory() <= bytes_max_) [[likely]]
    return true;
  log::write(LogType::error, "A message of {} bytes on {} is not kept: this SQLite takes at most {}", message.memory(),
             message.topic(), bytes_max_);
  return false;
}

bool RecordWriter::run(Statement& statement) {
  ++records_;
  return statement.run();
}

ApplicationMessage::StoreMark& RecordWriter::touch(const ApplicationMessage& message) {
  touched_.push_back({&message, message.store_mark()});
  return message.store_mark();
}

void RecordWriter::take_back() {
  for (; !touched_.empty(); touched_.pop_back()) touched_.back().message->store_mark() = touched_.back().before;
  next_message_ = next_message_before_;
}

}  // namespace bramble
