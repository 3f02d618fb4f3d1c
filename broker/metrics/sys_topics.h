#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "broker/metrics/counters.h"
#include "broker/metrics/memory_use.h"
#include "core/base/time.h"

namespace bramble {

/// What the counters do not know.
struct SysFacts {
  std::uint64_t retained_messages = 0;
  MemoryUse memory;
};

/// The $SYS/broker/... tree, as users of Mosquitto know it, and a few topics of our own. Knows no clock and publishes
/// nothing itself.  Threads: one, the caller's.
class SysTopics {
 public:
  using Publish = std::function<void(std::string_view topic, std::string_view value)>;

  SysTopics(unsigned reactors, SteadyTime started);

  /// Calls `publish` for each topic whose value is new since the last update; the first time for all. Every value is
  /// meant to be retained.
  void update(SteadyTime now, const MetricSums& sums, const SysFacts& facts, const Publish& publish);

 private:
  struct Load {
    std::array<double, 3> per_minute{};  // over 1, 5 and 15 minutes
    std::int64_t counted = 0;            // at the last update
  };

  void tell(std::string_view topic, std::string value, const Publish& publish);
  void tell_clients(const MetricSums& sums, const Publish& publish);
  void tell_loads(SteadyTime now, const MetricSums& sums, const Publish& publish);

  unsigned reactors_;
  SteadyTime started_;
  SteadyTime updated_;
  std::int64_t clients_maximum_ = 0;
  std::vector<Load> loads_;
  std::unordered_map<std::string, std::string> told_;  // by topic below $SYS/broker/
};

}  // namespace bramble
