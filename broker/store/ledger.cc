#include "broker/store/ledger.h"

#include "broker/store/store.h"

namespace bramble {

namespace {
constexpr std::uint64_t kRowsAtATime = 256;
constexpr Seconds kSlow{2};  // for one round
}  // namespace

void Ledger::use(Store& store) {
  store_ = &store;
  commits_ = store.promise() == Promise::commit;
  round_ = 1;
}

bool Ledger::store_failing() const { return store_->failing(); }

bool Ledger::store_lags(SteadyTime now) const { return store_->failing() || store_->writing_since() < now - kSlow; }

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
  untold_ = 0;
  noted_ = waited_for_ = hurried_ = false;
  ++round_;
}

}  // namespace bramble
