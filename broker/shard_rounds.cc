// What a shard does in the store's rounds (docs/design.md, Rounds).
#include "broker/shard.h"

namespace bramble {

void Shard::use(Store& store, std::vector<Sessions::Restored> restored) {
  store_ = &store;
  ledger_.use(store);
  restored_ = std::move(restored);
}

void Shard::begin(const OnReactor& here) { sessions_.begin(here, parts_.config->broker.persistent_client_expiration); }

void Shard::take_step(const OnReactor& here, const RoundStep& step) {
  switch (step.what) {
    case RoundStep::What::close:
      if (ledger_.round() == step.round) close_round(here);  // else another reactor's messages have said so before
      return store_->closed();
    case RoundStep::What::collect:
      part_wanted_ = true;  // what was handed off of the round came before this
      return here.reactor().want_turn(here);
    case RoundStep::What::stored:
      ledger_.stored();
      connections_.held_answers().stored(here, step.round);
      sessions_.stored(here, step.round);
  }
}

/// What was done so far belongs to the round, also what it leaves to others. Not within the handling of a packet.
void Shard::close_round(const OnReactor& here) {
  while (sessions_.has_leftovers()) router_.settle_leftovers(here, sessions_);
  router_.post_handoffs(here);
  sessions_.tell_touched(here);
  ledger_.close();
}

/// When nothing that waits here can change it any more.
void Shard::give_part(const OnReactor& here) {
  if (router_.backlogged(ledger_.round() - 1)) return here.reactor().want_turn(here);
  part_wanted_ = false;
  store_->give(ledger_.take_closed(), std::exchange(ledger_.passed_on, false));
}

void Shard::receive(const OnReactor& here, std::unique_ptr<Handoff> handoff) {
  if (handoff->round > ledger_.round()) close_round(here);  // its sender has closed it already
  router_.receive(here, std::move(handoff));
}

}  // namespace bramble
