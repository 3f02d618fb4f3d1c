#pragma once

#include <cstdint>
#include <random>
#include <string_view>
#include <unordered_map>

#include "core/base/hash.h"
#include "core/base/time.h"

namespace bramble {

/// Counts how often client ids are taken over. Two clients with one id that both come back at once would throw each
/// other out for ever: whose id was taken over too often within kWindow is in quarantine for as long, in which the
/// connection that is there stays.
/// Threads: the reactor that owns the sessions.  Bounded: kClientsMax.
class Takeovers {
 public:
  static constexpr Seconds kWindow{10};
  static constexpr std::size_t kClientsMax = 10'000;

  enum class Verdict : std::uint8_t { allowed, quarantine_begins, quarantine };
  /// Another connection wants to take `client_id` over. `most` within kWindow; 0: any number.
  Verdict ask(std::string_view client_id, std::uint32_t most, SteadyTime now);

 private:
  struct Count {
    SteadyTime since;
    std::uint32_t times = 0;
    bool quarantine = false;  ///< since `since`
  };
  SeededHash hash_{std::random_device{}()};
  std::unordered_map<std::uint64_t, Count> counts_;  ///< by the hash of a client id, which may be long
  SteadyTime next_look_ = SteadyTime::min();
};

}  // namespace bramble
