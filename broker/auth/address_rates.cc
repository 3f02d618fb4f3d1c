#include "broker/auth/address_rates.h"

#include <arpa/inet.h>
#include <netinet/in.h>

namespace bramble {

std::string address_key(std::string_view host) {
  std::string text(host);
  in6_addr v6{};
  if (::inet_pton(AF_INET6, text.c_str(), &v6) != 1) return text;
  if (IN6_IS_ADDR_V4MAPPED(&v6)) return text.substr(text.rfind(':') + 1);
  return {reinterpret_cast<const char*>(&v6), 8};
}

/// Those that have not asked for long have all of theirs back. Not at each call: it looks at all.
void AddressRates::forget_quiet(SteadyTime now) {
  if (now < next_look_) return;
  next_look_ = now + Seconds(1);
  std::erase_if(allowances_, [&](const auto& each) {
    return now - each.second.as_of() > std::chrono::duration<double>(kBurstSeconds);
  });
}

bool AddressRates::allow(std::string_view host, SteadyTime now, bool unknown) {
  if (rate_ == 0) return true;
  const double most = rate_ * kBurstSeconds;
  const std::lock_guard lock(mutex_);
  const std::string key = address_key(host);
  auto found = allowances_.find(key);
  if (found == allowances_.end()) {
    if (allowances_.size() >= kAddressesMax) forget_quiet(now);
    if (allowances_.size() >= kAddressesMax) return unknown;
    found = allowances_.try_emplace(key, most, now).first;
  }
  Allowance& allowance = found->second;
  allowance.refill(rate_, most, now);
  if (!allowance.has(1)) return false;
  allowance.spend(1);
  return true;
}

}  // namespace bramble
