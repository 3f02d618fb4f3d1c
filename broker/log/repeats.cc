#include "broker/log/repeats.h"

#include <algorithm>

#include "broker/log.h"

namespace bramble::log {

namespace {
constexpr std::string_view kOthers;  // the key of those that no room is left for
}

Repeats::Minute& Repeats::minute_of(SteadyTime now, std::string_view cause, std::string_view host) {
  std::string key = std::string(host) + '\n' + std::string(cause);
  auto found = minutes_.find(key);
  if (found == minutes_.end()) {
    if (minutes_.size() >= kKnownMax) tell(now);
    if (minutes_.size() >= kKnownMax) {
      key = kOthers;
      cause = "different reasons";
      host = "many addresses";
    }
    found = minutes_.try_emplace(std::move(key)).first;
  }
  Minute& minute = found->second;
  if (now >= minute.ends) {
    tell_of(minute);
    minute = {std::string(cause), std::string(host), now + std::chrono::minutes(1)};
  }
  return minute;
}

bool Repeats::allow(SteadyTime now, std::string_view cause, std::string_view host) {
  Minute& minute = minute_of(now, cause, host);
  if (minute.lines == kLinesMax) {
    ++minute.kept_back;
    return false;
  }
  ++minute.lines;
  return true;
}

void Repeats::tell_of(const Minute& minute) {
  if (minute.kept_back == 0) return;
  write(LogType::notice, Subject{.address = minute.host, .reason = minute.cause},
        "{} more like it{}{} in the last minute.", minute.kept_back, minute.host.empty() ? "" : " from ", minute.host);
}

void Repeats::tell(SteadyTime now) {
  for (auto at = minutes_.begin(); at != minutes_.end();) {
    if (now < at->second.ends) {
      ++at;
      continue;
    }
    tell_of(at->second);
    at = minutes_.erase(at);
  }
}

std::optional<SteadyTime> Repeats::next() const {
  std::optional<SteadyTime> soonest;
  for (const auto& [key, minute] : minutes_) {
    if (minute.kept_back != 0) soonest = std::min(soonest.value_or(minute.ends), minute.ends);
  }
  return soonest;
}

}  // namespace bramble::log
