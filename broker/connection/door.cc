#include "broker/connection/door.h"

#include <chrono>

#include "broker/connection/connection.h"

namespace bramble {

namespace {
constexpr Nanoseconds kServeFor{500'000};  // each line, and one of it at least
}

void Door::join(Line& line, Connection& connection) {
  connection.place_ = line.first + static_cast<std::uint32_t>(line.waiting.size());
  line.waiting.push_back(&connection);
}

void Door::forget(Connection& connection) {
  if (connection.at_door_ == Connection::AtDoor::no) return;
  Line& line = connection.at_door_ == Connection::AtDoor::going ? going_ : coming_;
  const std::uint32_t place = connection.place_ - line.first;
  if (place < line.waiting.size() && line.waiting[place] == &connection) line.waiting[place] = nullptr;
}

void Door::serve_lines(const OnReactor& here) {
  const bool going = serve(here, going_);
  const bool coming = serve(here, coming_);
  here.reactor().expect_descriptors(here, going);
  if (going || coming) here.reactor().want_turn(here);
}

bool Door::serve(const OnReactor& here, Line& line) {
  if (line.waiting.empty()) return false;
  const SteadyTime until = std::chrono::steady_clock::now() + kServeFor;
  bool again = false;
  for (std::size_t left = line.waiting.size(); left > 0; --left) {
    Connection* const connection = line.waiting.front();
    line.waiting.pop_front();
    ++line.first;
    if (!connection) continue;
    const auto served = connection->serve(here);
    if (served != Connection::Served::done) join(line, *connection);
    again |= served == Connection::Served::in_part;
    if (std::chrono::steady_clock::now() >= until) return again || left > 1;
  }
  return again;
}

}  // namespace bramble
