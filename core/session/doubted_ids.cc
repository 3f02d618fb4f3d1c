#include "core/session/doubted_ids.h"

namespace bramble {

using mqtt::PacketId;

bool DoubtedIds::sure(PacketId last, PacketId next, mqtt::Qos qos) {
  if (left_ == kNotBegun) {
    if (qos != mqtt::Qos::exactly_once) return true;
    sure_ = asked_ = last;
    left_ = kIds;
  }
  return over() || distance(last, next) <= distance(last, sure_);
}

bool DoubtedIds::released(PacketId id) {
  if (waits_for_ == 0) return false;
  const unsigned steps = distance(sure_, id);
  if (steps == 0 || steps > distance(sure_, waits_for_)) return false;
  sure_ = id;  // clients take packets in their order
  if (id == waits_for_) {
    waits_for_ = 0;
    sure_ = asked_;
  }
  return true;
}

void DoubtedIds::reconnected() {
  if (left_ == kNotBegun) return;
  left_ += distance(sure_, asked_);
  asked_ = sure_;
  waits_for_ = 0;
  batch_ = kBatchFirst;
}

}  // namespace bramble
