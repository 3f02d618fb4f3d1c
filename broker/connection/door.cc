#include "broker/connection/door.h"

#include <chrono>
#include <poll.h>
#include <utility>

#include "broker/connection/connections.h"
#include "broker/net/tcp.h"

namespace bramble {

namespace {
constexpr Nanoseconds kServeFor{500'000};  // a turn, and one of the line at least
}  // namespace

void Door::join(Connection& connection) {
  connection.place_ = first_ + static_cast<std::uint32_t>(line_.size());
  line_.push_back(&connection);
}

void Door::wait_behind(Connection& ahead, Connection& connection) {
  auto with_it = behind_.extract(&connection);  // they go on waiting, behind it
  Queue& queue = behind_[&ahead];
  connection.waits_at_ = &queue.emplace_back(&connection);
  if (with_it) queue.splice(queue.end(), with_it.mapped());
}

void Door::let_next(Connection& ahead) {
  auto behind = behind_.extract(&ahead);
  if (!behind) return;
  Queue& queue = behind.mapped();
  while (!queue.empty() && !queue.front()) queue.pop_front();
  if (queue.empty()) return;
  Connection* const next = queue.front();
  queue.pop_front();
  next->waits_at_ = nullptr;
  next->place_ = --first_;
  line_.push_front(next);
  behind.key() = next;
  if (!queue.empty()) behind_.insert(std::move(behind));
}

void Door::forget(Connection& connection) {
  if (connection.waits_at_) {
    *connection.waits_at_ = nullptr;
  } else if (const std::uint32_t place = connection.place_ - first_;
             place < line_.size() && line_[place] == &connection) {
    line_[place] = nullptr;
  }
  let_next(connection);
}

void Door::serve(const OnReactor& here) {
  if (!line_.empty() && serve_some(here)) here.reactor().want_turn(here);
}

bool Door::serve_some(const OnReactor& here) {
  const SteadyTime until = std::chrono::steady_clock::now() + kServeFor;
  bool progress = false;
  for (std::size_t left = line_.size(); left > 0; --left) {
    Connection* const connection = line_.front();
    line_.pop_front();
    ++first_;
    if (!connection) continue;
    const auto served = connection->serve(here);
    if (served != Connection::Served::done) join(*connection);
    progress |= served != Connection::Served::not_yet;
    if (left > 1 && std::chrono::steady_clock::now() >= until) return true;
  }
  return progress && !line_.empty();
}

// --- a connection at the door

void Connection::come_to_door(const OnReactor& here) {
  if (at_door_ != AtDoor::no || state_ >= State::closing) return;
  at_door_ = AtDoor::coming;
  parts_.connections.door().join(*this);
  here.reactor().want_turn(here);
}

void Connection::come_with_connect(const OnReactor& here, std::string bytes) {
  take_unread(std::move(bytes));
  connect_waits_ = true;
  if (transport_->has_unseen_bytes()) look_for_unseen(here);
  come_to_door(here);
}

void Connection::hang_up(const OnReactor& here) {
  here.reactor().readiness(here).remove(transport_->descriptor(), *this);
  count_as_leaving(true);
  const bool in_line = std::exchange(at_door_, AtDoor::going) != AtDoor::no;
  if (!in_line) parts_.connections.door().join(*this);
  here.reactor().want_turn(here);
}

/// Whoever leaves has given its place to whoever comes back.
void Connection::count_as_leaving(bool leaving) {
  parts_.mesh.leaving().fetch_add(leaving ? 1 : -1, std::memory_order_relaxed);
  count_as_connected(leaving ? -1 : 1);
}

void Connection::count_as_connected(int change) {
  rules().connections->fetch_add(change, std::memory_order_relaxed);
  parts_.mesh.connections().fetch_add(change, std::memory_order_relaxed);
}

bool Connection::to_be_heard_out(const OnReactor& here) {
  if (at_door_ != AtDoor::going && Readiness::shows(transport_->descriptor(), POLLRDHUP)) hang_up(here);
  if (at_door_ == AtDoor::going && throttled_) turn_deaf(here);  // else it could take minutes
  return at_door_ == AtDoor::going;
}

void Connection::wanted_at_door(const OnReactor& here) {
  if (at_door_ != AtDoor::no || unseen_) here.reactor().want_turn(here);
}

/// Whoever had the session of its client, hung up, and is not read to the end yet, goes first.
void Connection::wait_behind(Connection& ahead) {
  connect_waits_ = true;
  parts_.connections.door().wait_behind(ahead, *this);
}

Connection::Login Connection::ask_for_password(const OnReactor& here, std::string_view user,
                                               std::string_view password) {
  if (login_ != Login::unknown) return login_;
  const std::shared_ptr<Users>& users = rules().users;
  if (users->remembers(user, password)) return login_ = Login::right;
  const auto answer = parts_.passwords.ask({users, std::string(user), std::string(password), here.id(), number_},
                                           host_of(peer()), here.now());
  if (answer == PasswordChecks::Answer::too_many) return login_ = Login::too_many;
  parts_.connections.wait_for_password(number_, *this);
  connect_waits_ = true;
  return login_ = Login::asked;
}

bool Connection::may_connect(const OnReactor& here) {
  if (rate_counted_) return true;
  rate_counted_ = true;
  const auto& rates = rules().rates;
  return !rates || !listener().behind_proxy() || rates->allow(host_of(peer()), here.now(), true);
}

/// Once more, at its turn: now it is known.
void Connection::password_checked(const OnReactor& here, bool right) {
  if (state_ >= State::closing) return;
  login_ = right ? Login::right : Login::wrong;
  parts_.connections.door().join(*this);
  here.reactor().want_turn(here);
}

bool Connection::given_up_for(const Connection& other) const {
  return number_ < other.number_ && Readiness::shows(transport_->descriptor(), POLLRDHUP);
}

Connection::Served Connection::serve(const OnReactor& here) {
  if (held_ || (paused_ && !deaf())) return Served::not_yet;
  settling_ = false;
  const bool connect_waited = connect_waits_;
  connect_waits_ = false;
  if (connect_waited) {
    handle_unread(here);
  } else {
    if (deaf() && unread_) handle_unread(here);  // it was not handled for other reasons than to be whole
    if (state_ < State::closing) read_what_is_fair(here);
  }
  if (broken_ && !Readiness::shows(transport_->descriptor(), POLLIN)) hung_up(here);
  if (state_ >= State::closing) return Served::done;
  if (waits_at_ || login_ == Login::asked) return Served::done;
  if (at_door_ == AtDoor::going) {
    if (!deaf() || rest_is_there(here)) return Served::in_part;
    return state_ >= State::closing ? Served::done : Served::not_yet;
  }
  at_door_ = AtDoor::no;
  newcomer_ = settling_ || state_ == State::awaiting_connect;
  update_interest(here);
  parts_.connections.door().let_next(*this);
  return Served::done;
}

}  // namespace bramble
