#include "broker/store/ledger.h"

#include <algorithm>

#include "broker/store/store.h"

namespace bramble {

namespace {
constexpr std::uint64_t kRowsAtATime = 256;
}  // namespace

void Ledger::use(Store& store) {
  store_ = &store;
  commits_ = store.promise() == Promise::commit;
  round_ = 1;
  too_many_ = kTooManyUntold / store.reactors();
  many_ = std::min(kManyUntold, too_many_ / 2);
}

bool Ledger::store_failing() const { return store_->failing(); }

bool Ledger::store_lags(SteadyTime now) const {
  return store_->failing() || store_->crowded() || store_->round_since() < now - store_->slow_after();
}

void Ledger::note() {
  noted_ = true;
  store_->changed();
}

void Ledger::want() {
  waited_for_ = noted_ = true;
  store_->want_round();
}

void Ledger::hurry() {
  hurried_ = true;
  store_->hurry_round();
}

void Ledger::tell_crowd() {
  crowded_ = !crowded_;
  store_->crowd(crowded_ ? 1 : -1);
}

std::uint64_t Ledger::next_row() {
  if (next_row_ == rows_end_) {
    next_row_ = store_->take_rows(kRowsAtATime);
    rows_end_ = next_row_ + kRowsAtATime;
  }
  return next_row_++;
}

void Ledger::close() {
  check(closed_->empty(), "a round is collected before the next one is closed");
  *closed_ = std::exchange(part_, {});
  next_row_ = rows_end_ = 0;  // rows of different rounds do not mix: the store appends
  told_ = std::exchange(untold_, 0);
  noted_ = waited_for_ = hurried_ = false;
  ++round_;
}

}  // namespace bramble
