#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/sync/quiescence.h"
#include "core/topic/subscription_table.h"

namespace bramble {

/// A million filters as a large installation has them: nine in ten exact, and four match a topic on average.
class MillionFilters {
 public:
  static constexpr unsigned kSites = 1'000;
  static constexpr unsigned kDevices = 900;

  MillionFilters();
  SubscriptionTable& table() { return table_; }
  Quiescence& quiescence() { return quiescence_; }
  std::size_t heap_bytes() const { return heap_bytes_; }  ///< malloc's own count of what the table took

  /// The i-th of a fixed, shuffled run of topics; each matches one exact filter and about three others.
  static std::string topic(std::uint64_t i);
  /// All of them, made once and kept.
  static MillionFilters& instance();

 private:
  Quiescence quiescence_{2};
  SubscriptionTable table_{quiescence_, 2, 42};
  std::size_t heap_bytes_ = 0;
};

}  // namespace bramble
