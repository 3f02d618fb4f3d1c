#include "broker/connection/connections.h"

#include <algorithm>

#include "broker/connection/admission.h"
#include "broker/session/retain_source.h"

namespace bramble {

namespace {
constexpr Milliseconds kSipEvery{10};
constexpr Milliseconds kThrottleFor{10};  // at least
constexpr Seconds kPlacesWantedFor{1};    // by one who found none
constexpr std::size_t kAheadInRound = 1024 * 1024;
constexpr std::size_t kAheadEach = 4 * 1024 * 1024;  // what a socket takes at most, as Linux comes
constexpr std::size_t kAheadInAll = 16 * 1024 * 1024;
constexpr std::size_t kShedFrom = 64 * 1024;  // bytes that one holds
constexpr std::size_t kLateFlushes = 1000;    // a turn; about 6 us each
constexpr std::size_t kShare = 2500;  // of a turn, in deliveries, for replays, and as much for slices of long packets
constexpr int kLooksPerDelivery = 4;  // looking at that many places takes as long as one delivery

/// What a share of the turn leaves of its budget. Those who have one get something done in every turn, whatever a
/// backlog has left of it.
std::size_t without_share(const OnReactor& here) {
  const std::size_t budget = here.reactor().budget(here);
  return budget - std::min(budget, kShare);
}
}  // namespace

Connections::~Connections() = default;

Connection& Connections::accept(const OnReactor& here, ConnectionAccepted accepted) {
  all_.push_back(std::make_unique<Connection>(parts_, std::move(accepted)));
  Connection& connection = *all_.back();
  connection.index_ = static_cast<std::uint32_t>(all_.size() - 1);
  connection.start(here);
  return connection;
}

void Connections::adopt(const OnReactor& here, ConnectionMoved moved) {
  here.reactor().load().fetch_add(1, std::memory_order_relaxed);
  parts_.directory.arrived(moved.client_id);
  Connection& connection = accept(here, std::move(moved.accepted));
  connection.rate_counted_ = true;
  if (moved.password_known_by && moved.password_known_by == connection.rules().users) {  // no reload in between
    connection.login_ = Connection::Login::right;
  }
  connection.come_with_connect(here, std::move(moved.unread));
}

void Connections::slow_down(const OnReactor& here, Connection& connection, std::uint64_t reactors) {
  if (connection.paused() || connection.state() != Connection::State::connected) return;
  bool wait = false;
  for (unsigned r = 0; r < parts_.mesh.size(); ++r) {
    if (reactors >> r & 1) wait |= parts_.mesh[r].inbox().tell_when_eased(here.id(), here.now());
  }
  if (!wait) return;
  here.reactor().counters(here).add(Metric::publishers_slowed);
  connection.set_paused(here, true);
  if (paused_.empty()) here.reactor().timers(here).arm(sips_, here.now() + kSipEvery);
  paused_.push_back(&connection);
}

void Connections::eased(const OnReactor& here) {
  for (Connection* connection : std::exchange(paused_, {})) connection->set_paused(here, false);
  here.reactor().timers(here).disarm(sips_);
}

void Connections::sip(const OnReactor& here) {
  for (std::size_t i = 0; i < paused_.size(); ++i) paused_[i]->sip(here);
  if (!paused_.empty()) here.reactor().timers(here).arm(sips_, here.now() + kSipEvery);
}

void Connections::throttled(const OnReactor& here, Connection& connection) {
  if (throttled_.empty()) here.reactor().timers(here).arm(rounds_, here.now() + kThrottleFor);
  throttled_.push_back(&connection);
}

void Connections::begin_round(const OnReactor& here) {
  look_for_gone(here);
  round_.insert(round_.end(), throttled_.begin(), throttled_.end());
  throttled_.clear();
  here.reactor().want_turn(here);
}

/// Somebody found no place, and one of those who wait may have hung up behind more than its socket holds. So a bounded
/// part of what they have sent is read ahead, and kept: where that is all, the end is seen.
void Connections::look_for_gone(const OnReactor& here) {
  const std::uint32_t turned_away = parts_.mesh.turned_away().load(std::memory_order_relaxed);
  if (std::exchange(turned_away_, turned_away) != turned_away) places_wanted_until_ = here.now() + kPlacesWantedFor;
  if (here.now() >= places_wanted_until_ || parts_.shortage != Shortage::none) return;
  std::size_t kept = 0;
  for (const Connection* connection : throttled_) kept += connection->unread_bytes();
  const std::size_t enough = std::min(kept + kAheadInRound, kAheadInAll);
  for (Connection* connection : throttled_) {
    if (kept >= enough) return;
    if (connection->unread_bytes() < kAheadEach) kept += connection->read_ahead(here);
  }
}

/// Gives how many bytes it was.
std::size_t Connections::go_on(const OnReactor& here, Connection& connection) {
  if (connection.state() >= Connection::State::closing) return 0;
  const std::size_t before = connection.unread_bytes();
  if (!connection.unthrottle(here)) throttled(here, connection);
  return before - std::min(before, connection.unread_bytes());
}

bool Connections::work_off_round(const OnReactor& here) {
  if (round_.empty()) return false;
  here.reactor().drain_inbox(here);  // as after a read
  const std::size_t leave = without_share(here);
  std::size_t done = 0;
  std::size_t bytes = 0;
  for (; done < round_.size() && bytes < TurnBuffer::kEnough; ++done) {
    if (done != 0 && here.reactor().budget(here) <= leave) break;
    if (parts_.router.backlogged() || !here.reactor().caught_up(here)) break;
    if (done % kLooksPerDelivery == 0) here.reactor().spend(here, 1);
    bytes += go_on(here, *round_[done]);
  }
  round_.erase(round_.begin(), round_.begin() + static_cast<std::ptrdiff_t>(done));
  return !round_.empty();
}

void Connections::shed_one(const OnReactor& here) {
  using State = Connection::State;
  const auto unfinished = [](State state) {
    return [state](const auto& each) { return each->state() == state && !each->held_ ? each->unread_bytes() : 0; };
  };
  const auto waiting = [](const auto& each) {
    return each->state() == State::connected && each->blocked_ ? each->out_.bytes() : 0;
  };
  const auto worst = [&](const auto& holds) -> Connection* {
    const auto found = std::ranges::max_element(all_, {}, holds);
    return found != all_.end() && holds(*found) >= kShedFrom ? found->get() : nullptr;
  };
  if (Connection* const stranger = worst(unfinished(State::awaiting_connect))) {
    stranger->lost(here, {{}, "memory is short (memory_limit), and its CONNECT is long"});
  } else if (Connection* const reader = worst(waiting)) {
    reader->close(here, mqtt::ReasonCode::quota_exceeded,
                  "memory is short (memory_limit), and it does not read what waits for it", false);
  } else if (Connection* const sender = worst(unfinished(State::connected))) {
    sender->close(here, mqtt::ReasonCode::quota_exceeded,
                  "memory is short (memory_limit), and it keeps much of a packet that is not whole", false);
  }
}

void Connections::replay_later(const OnReactor& here, Connection& connection) {
  if (connection.replaying_) return;
  connection.replaying_ = true;
  replaying_.push_back(&connection);
  here.reactor().want_turn(here);
}

bool Connections::work_off(const OnReactor& here) {
  work_off_replays(here);
  work_off_slices(here);
  const bool unseen = work_off_unseen(here);
  const bool round = work_off_round(here);
  const bool more = !replaying_.empty() || !sliced_.empty() || unseen || round;
  if (held_.empty()) return more;
  here.reactor().drain_inbox(here);  // as after a read: what they publish may follow from what has come since
  auto held = std::exchange(held_, {});
  const TurnBuffer& buffer = here.reactor().turn_buffer(here);
  const std::size_t enough = buffer.bytes() + TurnBuffer::kEnough;
  std::size_t done = 0;
  for (; done < held.size() && buffer.bytes() < enough; ++done) {
    if (parts_.router.backlogged() || !here.reactor().caught_up(here)) break;
    held[done]->resume(here);
  }
  held_.insert(held_.begin(), held.begin() + static_cast<std::ptrdiff_t>(done), held.end());
  return more || !held_.empty();
}

void Connections::work_off_replays(const OnReactor& here) {
  if (replaying_.empty()) return;
  const std::size_t leave = without_share(here);
  const auto waiting = std::exchange(replaying_, {});
  std::size_t done = 0;
  for (; done < waiting.size() && (done == 0 || here.reactor().budget(here) > leave); ++done) {
    waiting[done]->replaying_ = false;
    if (replay(here, *waiting[done], leave)) replay_later(here, *waiting[done]);
  }
  replaying_.insert(replaying_.begin(), waiting.begin() + static_cast<std::ptrdiff_t>(done), waiting.end());
}

void Connections::work_off_slices(const OnReactor& here) {
  if (sliced_.empty()) return;
  const std::size_t leave = without_share(here);
  const auto waiting = std::exchange(sliced_, {});
  std::size_t done = 0;
  for (; done < waiting.size() && (done == 0 || here.reactor().budget(here) > leave); ++done) {
    waiting[done]->resume(here);
  }
  sliced_.insert(sliced_.begin(), waiting.begin() + static_cast<std::ptrdiff_t>(done), waiting.end());
}

bool Connections::work_off_unseen(const OnReactor& here) {
  if (unseen_.empty()) return false;
  const TurnBuffer& buffer = here.reactor().turn_buffer(here);
  const std::size_t enough = buffer.bytes() + TurnBuffer::kEnough;
  const auto waiting = std::exchange(unseen_, {});
  std::size_t done = 0;
  for (; done < waiting.size() && buffer.bytes() < enough && (done == 0 || here.reactor().budget_left(here)); ++done) {
    if (!waiting[done]->read_unseen(here)) unseen_.push_back(waiting[done]);
  }
  const bool more = done < waiting.size();
  unseen_.insert(unseen_.begin(), waiting.begin() + static_cast<std::ptrdiff_t>(done), waiting.end());
  return more;
}

bool Connections::replay(const OnReactor& here, Connection& connection, std::size_t leave) {
  if (connection.state() != Connection::State::connected) return false;
  OwnedSession& session = connection.session();
  while (!session.replays.empty()) {
    if (!replay_step(here, session)) return false;
    if (here.reactor().budget(here) <= leave) return !session.replays.empty();
  }
  return false;
}

bool Connections::replay_step(const OnReactor& here, OwnedSession& session) {
  auto& [filter, pending] = session.replays.first();
  const Subscriber* subscriber = parts_.subscribers.find(filter, &session);
  if (!subscriber) {  // it has left meanwhile
    session.replays.erase(filter);
    return true;
  }
  parts_.sessions.replayed(session);
  // paced by the client: what does not fit now is looked up when it does, so no limit of a queue cuts it off
  if (!session.has_room(subscriber->qos, 0)) return false;
  std::uint32_t looked = 0;
  if (pending.replay) {
    looked = pending.replay->looked();
  } else {
    const auto from = session.kept() ? std::optional(pending.from) : std::nullopt;
    pending.replay = parts_.retained.begin(pending.wanted->text(), from);
  }
  found_.clear();
  const bool more = parts_.retained.next(*pending.replay, here.now(), 1, found_);
  here.reactor().spend(here, 1 + static_cast<int>(pending.replay->looked() - looked) / kLooksPerDelivery);
  const bool asks = parts_.config->broker.check_retain_source;
  for (const MessagePtr& message : found_) {
    if (asks && !may_still_write(parts_.rules, *message)) continue;
    Publication publication(message, here.now(), here.reactor().turn_buffer(here));
    session.deliver(here, publication, pending.subscriber, FilterId{}, true);
  }
  if (!more) session.replays.erase(filter);
  return true;
}

void Connections::password_checked(const OnReactor& here, std::uint64_t number, bool right) {
  const auto asking = asking_.extract(number);
  if (asking) asking.mapped()->password_checked(here, right);
}

void Connections::closed(Connection& connection) {
  if (connection.login_ == Connection::Login::asked) asking_.erase(connection.number_);
  door_.forget(connection);
  if (connection.answers_held_ || connection.output_held_) held_answers_.forget(connection);
  closed_.push_back(&connection);
}

void Connections::flush_dirty(const OnReactor& here) {
  // a flush may find its client gone, or make room for more output: the list grows while it is walked
  for (std::size_t i = 0; i < dirty_.size(); ++i) dirty_[i]->flush(here);
  dirty_.clear();
}

void Connections::flush_late(const OnReactor& here) {
  const std::size_t late = std::min(late_.size(), kLateFlushes);
  for (std::size_t i = 0; i < late; ++i) {
    late_[i]->late_ = false;
    late_[i]->flush(here);
  }
  late_.erase(late_.begin(), late_.begin() + static_cast<std::ptrdiff_t>(late));
  if (!late_.empty()) here.reactor().want_turn(here);
  flush_dirty(here);
  // what goes out in a later turn cannot stay in this one's memory; those that were listed before do not refer to it
  for (std::size_t i = late_owned_ - std::min(late_owned_, late); i < late_.size(); ++i) late_[i]->out_.own();
  late_owned_ = late_.size();
}

void Connections::end_turn(const OnReactor& here) {
  flush_dirty(here);
  flush_late(here);
  if (closed_.empty()) return;
  const auto is_closed = [](const Connection* connection) { return connection->state() == Connection::State::closed; };
  for (Connection* connection : closed_) {
    connection->flush(here);
    connection->state_ = Connection::State::closed;
    if (connection->transport_) {
      if (connection->at_door_ == Connection::AtDoor::going) {
        parts_.mesh.leaving().fetch_sub(1, std::memory_order_relaxed);
      } else {
        here.reactor().readiness(here).remove(connection->transport_->descriptor(), *connection);
        // first: a client that connects again when it sees the close finds its place free (max_connections)
        connection->count_as_connected(-1);
      }
      connection->transport_->finish();
    }
    here.reactor().load().fetch_sub(1, std::memory_order_relaxed);
  }
  for (auto* list : {&late_, &held_, &sliced_, &replaying_, &paused_, &throttled_, &round_, &unseen_})
    std::erase_if(*list, is_closed);
  late_owned_ = late_.size();
  for (Connection* connection : std::exchange(closed_, {})) {
    const std::uint32_t hole = connection->index_;
    all_[hole] = std::move(all_.back());
    all_[hole]->index_ = hole;
    all_.pop_back();
  }
}

void Connections::apply(const OnReactor& here, const AllRules& before) {
  for (const auto& connection : all_) {
    if (connection->state() >= Connection::State::closing) continue;
    connection->limit_publishing(here);
    connection->memo_.reset();  // what it remembers was allowed by the rules before
    if (connection->login_ != Connection::Login::unknown &&
        connection->state() == Connection::State::awaiting_connect) {
      connection->lost(here, {{}, "it has to connect again: its password was checked by the rules before"});
      continue;
    }
    const char* const why = may_not_stay(*connection, *before[connection->listener_number()]);
    if (!why) continue;
    const auto code =
        connection->rules().closed ? mqtt::ReasonCode::administrative_action : mqtt::ReasonCode::not_authorized;
    connection->close(here, code, why, false);
  }
}

void Connections::close_all(const OnReactor& here) {
  for (const auto& connection : all_) {
    connection->close(here, mqtt::ReasonCode::server_shutting_down, "the broker stops", false);
  }
}

}  // namespace bramble
