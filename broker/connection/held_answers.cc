#include "broker/connection/held_answers.h"

#include "broker/connection/connections.h"

namespace bramble {

void HeldAnswers::add(Connection& connection, std::uint64_t round, std::string_view packet) {
  Waiting& waiting = waiting_[&connection];
  waiting.packets += packet;
  const std::size_t end = waiting.gone + waiting.packets.size();
  if (!waiting.marks.empty() && waiting.marks.back().round >= round) {
    waiting.marks.back().end = end;
  } else {
    waiting.marks.push_back({round, end});
  }
}

void HeldAnswers::add_behind(Connection& connection, std::string_view packet) { add(connection, 0, packet); }

void HeldAnswers::hold_output(Connection& connection, std::uint64_t round) {
  waiting_[&connection].output_round = round;
}

std::size_t HeldAnswers::bytes(const Connection& connection) const {
  const auto found = waiting_.find(const_cast<Connection*>(&connection));
  return found == waiting_.end() ? 0 : found->second.packets.size();
}

bool HeldAnswers::release(const OnReactor& here, Connection& connection, Waiting& waiting, std::uint64_t round) {
  if (waiting.output_round != 0 && waiting.output_round <= round) {
    waiting.output_round = 0;
    connection.output_is_free();
  }
  std::size_t end = waiting.gone;
  while (!waiting.marks.empty() && waiting.marks.front().round <= round) end = waiting.marks.pop_front().end;
  const std::size_t leaves = end - waiting.gone;
  connection.send_held(here, std::string_view(waiting.packets).substr(0, leaves), waiting.marks.empty());
  waiting.packets.erase(0, leaves);
  waiting.gone = end;
  return waiting.marks.empty() && waiting.output_round == 0;
}

void HeldAnswers::stored(const OnReactor& here, std::uint64_t round) {
  if (!waiting_.empty()) here.reactor().want_turn(here);
  for (auto each = waiting_.begin(); each != waiting_.end();) {
    each = release(here, *each->first, each->second, round) ? waiting_.erase(each) : std::next(each);
  }
}

}  // namespace bramble
