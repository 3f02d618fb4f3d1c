#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "core/base/allowance.h"

namespace bramble {

/// One for all who share what they may: an IPv4 address, or the /64 of an IPv6 address. `host`: without the port.
std::string address_key(std::string_view host);

/// What each address may do in a second, on average over ten: of IPv6 the /64, since who has one address there has all.
/// Bounded: it knows kAddressesMax at most.
/// Threads: any, with a lock: for what is done once a connection, not once a packet.
class AddressRates {
 public:
  static constexpr std::size_t kAddressesMax = 20'000;
  static constexpr double kBurstSeconds = 10;

  /// `rate`: a second; 0: no limit.
  explicit AddressRates(std::uint32_t rate) : rate_(rate) {}

  std::uint32_t rate() const { return rate_; }
  /// `host`: without the port. True: it may, and that is counted. `unknown`: what a further address is told while
  /// kAddressesMax others were heard of within the last ten seconds.
  bool allow(std::string_view host, SteadyTime now, bool unknown);

 private:
  void forget_quiet(SteadyTime now);

  const std::uint32_t rate_;
  std::mutex mutex_;
  SteadyTime next_look_ = SteadyTime::min();
  std::unordered_map<std::string, Allowance> allowances_;
};

}  // namespace bramble
