#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "broker/metrics/counters.h"
#include "broker/metrics/memory_use.h"
#include "core/base/time.h"

namespace bramble {

/// What the storage thread has done, and what it promises.
struct StoreFacts {
  std::string_view durability;      ///< as the option has it
  std::int64_t loss_window_s = 0;   ///< so much of what was acknowledged last may be lost with the power
  bool failing = false;             ///< the disk takes nothing
  std::uint64_t commits = 0;        ///< that wrote something
  std::uint64_t records = 0;        ///< written: a queued message, that it is delivered, a retained one, ...
  std::uint64_t bytes_written = 0;  ///< to the disk, for all of it
  std::uint64_t file_bytes = 0;
  Nanoseconds commit_time{0};
};

/// What the counters do not know.
struct SysFacts {
  std::optional<StoreFacts> store;  ///< nothing: nothing is kept
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
  void tell_store(const StoreFacts& store, const Publish& publish);
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
