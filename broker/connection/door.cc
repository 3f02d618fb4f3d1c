#include "broker/connection/door.h"

#include <chrono>

#include "broker/connection/connection.h"

namespace bramble {

namespace {
constexpr Nanoseconds kServeFor{500'000};  // a turn, and one of the line at least
}  // namespace

void Door::join(Connection& connection) {
  connection.place_ = first_ + static_cast<std::uint32_t>(waiting_.size());
  waiting_.push_back(&connection);
  if (connection.at_door_ == Connection::AtDoor::going) ++going_;
}

void Door::forget(Connection& connection) {
  if (connection.at_door_ == Connection::AtDoor::no) return;
  const std::uint32_t place = connection.place_ - first_;
  if (place >= waiting_.size() || waiting_[place] != &connection) return;
  waiting_[place] = nullptr;
  if (connection.at_door_ == Connection::AtDoor::going) --going_;
}

void Door::serve_line(const OnReactor& here) {
  const bool more = serve_some(here);
  here.reactor().expect_descriptors(here, more && going_ != 0);
  if (more) here.reactor().want_turn(here);
}

bool Door::serve_some(const OnReactor& here) {
  const SteadyTime until = std::chrono::steady_clock::now() + kServeFor;
  bool again = false;
  for (std::size_t left = waiting_.size(); left > 0; --left) {
    Connection* const connection = waiting_.front();
    waiting_.pop_front();
    ++first_;
    if (!connection) continue;
    if (connection->at_door_ == Connection::AtDoor::going) --going_;
    const auto served = connection->serve(here);
    if (served != Connection::Served::done) join(*connection);
    again |= served == Connection::Served::in_part;
    if (std::chrono::steady_clock::now() >= until) return again || left > 1;
  }
  return again;
}

}  // namespace bramble
