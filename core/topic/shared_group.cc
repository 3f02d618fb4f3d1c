#include "core/topic/shared_group.h"

#include "core/base/check.h"

namespace bramble {

void SharedGroup::change(ReactorId here, int online_change, int absent_change) {
  const std::int64_t online_now = std::int64_t{online(here)} + online_change;
  const std::int64_t absent_now = std::int64_t{absent(here)} + absent_change;
  check(online_now >= 0 && absent_now >= 0, "a shared group lost more members than it had");
  const auto packed = static_cast<std::uint64_t>(absent_now) << 32 | static_cast<std::uint64_t>(online_now);
  members_[here.value].store(packed, std::memory_order_release);  // pairs with the acquire in members()
}

bool SharedGroup::unused() const {
  for (const auto& members : members_) {
    if (members.load(std::memory_order_relaxed) != 0) return false;
  }
  return true;
}

}  // namespace bramble
