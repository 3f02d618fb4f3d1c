#include "broker/connection/door.h"

#include <chrono>
#include <poll.h>
#include <utility>

#include "broker/connection/connections.h"

namespace bramble {

namespace {
constexpr Nanoseconds kServeFor{500'000};  // a turn, and one of the line at least
}  // namespace

void Door::join(Connection& connection) {
  connection.place_ = first_ + static_cast<std::uint32_t>(waiting_.size());
  waiting_.push_back(&connection);
}

void Door::forget(Connection& connection) {
  if (connection.at_door_ == Connection::AtDoor::no) return;
  const std::uint32_t place = connection.place_ - first_;
  if (place >= waiting_.size() || waiting_[place] != &connection) return;
  waiting_[place] = nullptr;
}

void Door::serve(const OnReactor& here) {
  if (!waiting_.empty() && serve_some(here)) here.reactor().want_turn(here);
}

bool Door::serve_some(const OnReactor& here) {
  const SteadyTime until = std::chrono::steady_clock::now() + kServeFor;
  bool progress = false;
  for (std::size_t left = waiting_.size(); left > 0; --left) {
    Connection* const connection = waiting_.front();
    waiting_.pop_front();
    ++first_;
    if (!connection) continue;
    const auto served = connection->serve(here);
    if (served != Connection::Served::done) join(*connection);
    progress |= served != Connection::Served::must_wait;
    if (left > 1 && std::chrono::steady_clock::now() >= until) return true;
  }
  return progress && !waiting_.empty();  // it may have been what the others wait for
}

// --- a connection at the door

void Connection::come_to_door(const OnReactor& here) {
  if (at_door_ != AtDoor::no || state_ >= State::closing) return;
  at_door_ = AtDoor::coming;
  parts_.connections.door().join(*this);
  reactor_.want_turn(here);
}

void Connection::come_with_connect(const OnReactor& here, std::string bytes) {
  take_unread(std::move(bytes));
  connect_waits_ = true;
  come_to_door(here);
}

void Connection::hang_up(const OnReactor& here) {
  reactor_.readiness(here).remove(transport_->descriptor(), *this);
  count_as_leaving(true);
  const bool in_line = std::exchange(at_door_, AtDoor::going) != AtDoor::no;
  if (!in_line) parts_.connections.door().join(*this);
  reactor_.want_turn(here);
}

/// Whoever leaves has given its place to whoever comes back.
void Connection::count_as_leaving(bool leaving) {
  parts_.mesh.leaving().fetch_add(leaving ? 1 : -1, std::memory_order_relaxed);
  parts_.listeners[listener_]->connections().fetch_add(leaving ? -1 : 1, std::memory_order_relaxed);
}

bool Connection::to_be_heard_out(const OnReactor& here) {
  if (at_door_ != AtDoor::going && Readiness::shows(transport_->descriptor(), POLLRDHUP)) hang_up(here);
  return at_door_ == AtDoor::going;
}

void Connection::wanted_at_door(const OnReactor& here) {
  if (at_door_ != AtDoor::no) reactor_.want_turn(here);
}

Connection::Served Connection::serve(const OnReactor& here) {
  if (held_ || paused_) return Served::must_wait;
  settling_ = false;
  if (std::exchange(connect_waits_, false)) {
    handle_unread(here);
  } else {
    read_what_is_fair(here);
  }
  if (broken_ && !Readiness::shows(transport_->descriptor(), POLLIN)) lost(here, "closed its connection");
  if (state_ >= State::closing) return Served::done;
  if (connect_waits_) return Served::must_wait;
  if (at_door_ == AtDoor::going) return Served::in_part;
  at_door_ = AtDoor::no;
  newcomer_ = settling_ || state_ == State::awaiting_connect;
  update_interest(here);
  return Served::done;
}

}  // namespace bramble
