#include "broker/auth/address_rates.h"

#include <arpa/inet.h>
#include <netinet/in.h>

namespace bramble {

namespace {

/// Those who share it share what they may.
std::string key_of(std::string_view host) {
  std::string text(host);
  in6_addr v6{};
  if (::inet_pton(AF_INET6, text.c_str(), &v6) != 1) return text;
  return {reinterpret_cast<const char*>(&v6), 8};
}

}  // namespace

bool AddressRates::allow(std::string_view host, SteadyTime now, bool unknown) {
  if (rate_ == 0) return true;
  const double most = rate_ * kBurstSeconds;
  const std::lock_guard lock(mutex_);
  if (allowances_.size() >= kAddressesMax) {  // those that have not asked for long have all of theirs back
    std::erase_if(allowances_, [&](const auto& each) {
      return now - each.second.as_of() > std::chrono::duration<double>(kBurstSeconds);
    });
    if (allowances_.size() >= kAddressesMax) return unknown;
  }
  Allowance& allowance = allowances_.try_emplace(key_of(host), most, now).first->second;
  allowance.refill(rate_, most, now);
  if (!allowance.has(1)) return false;
  allowance.spend(1);
  return true;
}

}  // namespace bramble
