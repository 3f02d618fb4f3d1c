#include "broker/connection/takeovers.h"

namespace bramble {

Takeovers::Verdict Takeovers::ask(std::string_view client_id, std::uint32_t most, SteadyTime now) {
  if (most == 0) return Verdict::allowed;
  const std::uint64_t key = hash_(client_id);
  auto found = counts_.find(key);
  if (found == counts_.end()) {
    if (counts_.size() >= kClientsMax && now >= next_look_) {
      next_look_ = now + Seconds(1);
      std::erase_if(counts_, [&](const auto& each) { return now - each.second.since > kWindow; });
    }
    if (counts_.size() >= kClientsMax) return Verdict::allowed;
    found = counts_.try_emplace(key, Count{now}).first;
  }
  Count& count = found->second;
  if (now - count.since > kWindow) count = {now};
  if (count.quarantine) return Verdict::quarantine;
  if (++count.times <= most) return Verdict::allowed;
  count = {now, 0, true};
  return Verdict::quarantine_begins;
}

}  // namespace bramble
