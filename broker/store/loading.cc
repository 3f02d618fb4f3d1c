#include "broker/store/loading.h"

#include <algorithm>

#include "broker/store/record.h"
#include "broker/store/schema.h"
#include "core/mqtt/utf8.h"
#include "core/topic/topic.h"

namespace bramble {

namespace {

constexpr std::uint64_t kRecordsBetweenProgress = 10'000;

std::uint64_t unsigned_of(const Statement& row, int column) { return static_cast<std::uint64_t>(row.integer(column)); }

std::uint32_t short_of(const Statement& row, int column) { return static_cast<std::uint32_t>(row.integer(column)); }

/// A subscription identifier, or none.
bool valid_identifier(const Statement& row, int column) {
  constexpr std::int64_t kMax = 268'435'455;
  return row.integer(column) >= 0 && row.integer(column) <= kMax;
}

}  // namespace

void Loading::run() {
  cuts_ = cuts_of(connection_);
  read_sessions();
  read_subscriptions();
  read_receipts();
  read_retained();
  read_messages();
  read_deliveries();
  find_orphans();
}

/// `take` gives false for a row that is to be left out.
template <class Take>
void Loading::each(std::string_view table_name, std::string_view columns, Take take) {
  if (trouble_) return;
  const TableRow& of = table(table_name);
  TableScan scan(connection_, of, columns, TableScan::BadPlaces::are_damage);
  while (const Statement* row = scan.next()) {
    if (!take(*row)) leave_out(of, *row);
    if (++records_ % kRecordsBetweenProgress == 0 && progress_) progress_(records_);
  }
  left_out_.insert(left_out_.end(), scan.gaps().begin(), scan.gaps().end());
  loaded_.left_out += scan.gaps().size();
  damaged_ |= !scan.gaps().empty();
  met_bad_places_ |= scan.met_bad_places();
  trouble_ = scan.trouble();
}

/// The row goes from the file too.
void Loading::leave_out(const TableRow& of, const Statement& row) {
  ++loaded_.left_out;
  left_out_.push_back({&of, row.integer(0), row.integer(0), of.unique() ? nullptr : row.value(1)});
}

void Loading::read_sessions() {
  each("session", "client_id, expiry, gone_at, user, listener, mount_point, will, sure_since",
       [this](const Statement& row) { return take_session(row); });
  clients_.clear();
}

bool Loading::take_session(const Statement& row) {
  KeptSession session;
  session.id = SessionId{unsigned_of(row, 0)};
  loaded_.last_session = std::max(loaded_.last_session, session.id.value);
  session.client_id = row.bytes(1);
  if (session.client_id.empty() || !mqtt::valid_utf8(session.client_id)) return false;
  if (!clients_.insert(session.client_id).second) return false;  // damage: no client has two
  session.expiry_seconds = short_of(row, 2);
  if (!row.null(3)) {
    session.gone_at = clocks_.steady_at(std::min(instant_of(row.integer(3)).value_or(clocks_.wall), clocks_.wall));
  }
  if (!row.null(4)) session.user = row.bytes(4);
  session.listener = row.bytes(5);
  if (!row.null(6)) session.mount_point = row.bytes(6);
  if (!row.null(7)) session.will = read_will(row.bytes(7));
  if (!row.null(7) && !session.will) ++loaded_.left_out;  // the session is worth more than its will
  session.ids_in_doubt = row.integer(8) < cuts_;
  ++loaded_.sessions;
  sessions_.push_back(session.id.value);
  reader_.session(std::move(session));
  return true;
}

void Loading::read_subscriptions() {
  each("sub", "filter, opts, subid", [this](const Statement& row) { return take_subscription(row); });
}

bool Loading::take_subscription(const Statement& row) {
  KeptSubscription subscription;
  subscription.session = SessionId{unsigned_of(row, 0)};
  loaded_.last_session = std::max(loaded_.last_session, subscription.session.value);
  subscription.filter = row.bytes(1);
  subscription.subscription_identifier = short_of(row, 3);
  if (!known(subscription.session) || !unpack(row.integer(2), subscription) || !valid_identifier(row, 3) ||
      !TopicFilter::parse(subscription.filter)) {
    return false;
  }
  ++loaded_.subscriptions;
  reader_.subscription(std::move(subscription));
  return true;
}

void Loading::read_receipts() {
  each("q2in", "pid, mark", [this](const Statement& row) {
    const SessionId session{unsigned_of(row, 0)};
    loaded_.last_session = std::max(loaded_.last_session, session.value);
    if (!known(session) || row.integer(1) < 1 || row.integer(1) > 65'535) return false;
    reader_.receipt({session, static_cast<mqtt::PacketId>(row.integer(1)), unsigned_of(row, 2)});
    return true;
  });
}

void Loading::read_retained() {
  each("retained", "topic, payload, facts", [this](const Statement& row) { return take_retained(row); });
}

bool Loading::take_retained(const Statement& row) {
  MessagePtr message = read_message(row.bytes(1), row.bytes(2), row.bytes(3), clocks_);
  if (!message || row.integer(0) > std::int64_t{0xFFFF'FFFF}) return false;
  ++loaded_.retained;
  reader_.retained(short_of(row, 0), std::move(message));
  return true;
}

void Loading::read_messages() {
  each("msg", "topic, payload, facts", [this](const Statement& row) {
    last_message_ = unsigned_of(row, 0);
    MessagePtr message = read_message(row.bytes(1), row.bytes(2), row.bytes(3), clocks_);
    if (!message) return false;
    message->store_mark().refer_to(last_message_);
    messages_.emplace_back(last_message_, std::move(message));
    return true;
  });
}

void Loading::read_deliveries() {
  each("q", "sid, msg, st, subid, share, topic, payload, facts",
       [this](const Statement& row) { return take_delivery(row); });
}

bool Loading::take_delivery(const Statement& row) {
  KeptDelivery delivery;
  delivery.row = unsigned_of(row, 0);
  delivery.session = SessionId{unsigned_of(row, 1)};
  loaded_.last_row = delivery.row;
  loaded_.last_session = std::max(loaded_.last_session, delivery.session.value);
  const bool has_message = row.null(2);
  delivery.message =
      has_message ? read_message(row.bytes(6), row.bytes(7), row.bytes(8), clocks_) : message(unsigned_of(row, 2));
  if (!delivery.message || !known(delivery.session)) return false;
  if (!unpack(row.integer(3), delivery) || !valid_identifier(row, 4)) return false;
  delivery.subscription_identifier = short_of(row, 4);
  if (!row.null(5)) {
    if (!TopicFilter::parse(row.bytes(5))) return false;
    delivery.share = std::make_unique<const std::string>(row.bytes(5));
  }
  if (has_message) {
    delivery.message->store_mark().id = ApplicationMessage::StoreMark::kInDelivery;
    ++loaded_.messages;
  } else {
    ++delivery.message->store_mark().rows;
  }
  ++loaded_.deliveries;
  reader_.delivery(std::move(delivery));
  return true;
}

/// Messages that nobody waits for. A round that removes the last row removes the message too, so there are some only
/// where something was lost, or an older process ended in the middle of what is now undone.
void Loading::find_orphans() {
  const TableRow& of = table("msg");
  for (const auto& [id, message] : messages_) {
    const auto key = static_cast<std::int64_t>(id);
    if (message->store_mark().rows > 0) {
      ++loaded_.messages;
    } else {
      message->store_mark().id = 0;
      left_out_.push_back({&of, key, key});
    }
  }
}

bool Loading::known(SessionId session) {
  if (session_at_ < sessions_.size() && sessions_[session_at_] == session.value) return true;
  const auto found = std::lower_bound(sessions_.begin(), sessions_.end(), session.value);
  if (found == sessions_.end() || *found != session.value) return false;
  session_at_ = static_cast<std::size_t>(found - sessions_.begin());
  return true;
}

MessagePtr Loading::message(std::uint64_t id) {
  if (message_at_ + 1 < messages_.size() && messages_[message_at_ + 1].first == id) ++message_at_;
  if (message_at_ >= messages_.size() || messages_[message_at_].first != id) {
    const auto found = std::lower_bound(messages_.begin(), messages_.end(), id,
                                        [](const auto& entry, std::uint64_t wanted) { return entry.first < wanted; });
    if (found == messages_.end() || found->first != id) return {};
    message_at_ = static_cast<std::size_t>(found - messages_.begin());
  }
  return messages_[message_at_].second;
}

}  // namespace bramble
