#pragma once

#include <array>
#include <cstdint>
#include <mutex>
#include <string_view>

#include "core/sync/text_index.h"
#include "core/topic/filter.h"

namespace bramble {

/// The filters without wildcards: 256 hash tables, chosen by hash, so that the longest stall of a growing table is
/// 1/256 of the whole. It does not own the filters.
/// Threads: find() any reactor that is online; insert() and erase() while holding mutex() of that hash.
/// Cost: find 2 to 3 cache misses; 8 to 32 bytes a filter.
class ExactFilters {
 public:
  Filter* find(std::uint64_t hash, std::string_view text) const { return part(hash).filters.find(hash, text); }

  std::mutex& mutex(std::uint64_t hash) { return part(hash).mutex; }
  void insert(Filter& filter, Quiescence& quiescence, ReactorId here) {
    part(filter.hash()).filters.insert(filter, quiescence, here);
  }
  void erase(Filter& filter, Quiescence& quiescence, ReactorId here) {
    part(filter.hash()).filters.erase(filter, quiescence, here);
  }

  /// Calls visit(Filter&) for each: when the table ends, and for figures.
  template <class Visit>
  void each(Visit visit) const {
    for (const Part& part : parts_) part.filters.each([&visit](Filter& filter) { return visit(filter), true; });
  }
  /// Bytes of the tables. Only while nobody writes.
  std::size_t bytes() const;

 private:
  static constexpr unsigned kPartBits = 8;
  struct alignas(64) Part {
    TextIndex<Filter> filters;
    std::mutex mutex;
  };

  // Bits that neither the tag of a slot nor the place in a table of less than 2^40 uses.
  static std::size_t index(std::uint64_t hash) { return (hash >> 40) & ((1u << kPartBits) - 1); }
  Part& part(std::uint64_t hash) { return parts_[index(hash)]; }
  const Part& part(std::uint64_t hash) const { return parts_[index(hash)]; }

  std::array<Part, 1u << kPartBits> parts_;
};

}  // namespace bramble
