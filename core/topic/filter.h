#pragma once

#include <atomic>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "core/base/strong.h"
#include "core/topic/shared_group.h"

namespace bramble {

constexpr std::uint64_t reactor_bit(ReactorId reactor) { return std::uint64_t{1} << reactor.value; }

/// What the SubscriptionTable keeps of one Topic Filter (a share name taken off, so plain and shared subscribers of one
/// filter meet here): which reactors have subscribers on it. Who they are, each reactor's ShardSubscribers knows.
/// Lifetime: from the first reactor's bit or group until the last one goes; then freed through Quiescence. So a reactor
/// may keep a pointer as long as its own bit is set or it has members in a group, any other reader for its turn.
/// Threads: read by any reactor; changed by SubscriptionTable only.
/// Memory: 43 bytes and its text, in one allocation.
class Filter {
 public:
  FilterId id() const { return id_; }
  std::uint64_t hash() const { return hash_; }
  std::string_view text() const { return {reinterpret_cast<const char*>(this) + kTextAt, size_}; }
  bool has_wildcards() const { return has_wildcards_; }
  std::size_t bytes() const { return kTextAt + size_; }  ///< of memory

  /// Bit r: reactor r has plain subscribers here. Pairs with the release in SubscriptionTable::add().
  std::uint64_t reactors() const { return reactors_.load(std::memory_order_acquire); }
  /// Bit r: reactor r has a persistent session here (the store will be asked).
  std::uint64_t durable() const { return durable_.load(std::memory_order_acquire); }
  /// The $share groups on this filter, for a reader inside its turn. None costs one load.
  std::span<SharedGroup* const> groups() const {
    const auto* groups = groups_.load(std::memory_order_acquire);  // pairs with the release in SubscriptionTable
    if (!groups) return {};
    return *groups;
  }

 private:
  friend class SubscriptionTable;
  static constexpr std::size_t kTextAt = 43;  // right after the last member, in what would be padding
  using Groups = std::vector<SharedGroup*>;   // never changed once published: replaced and retired

  Filter(FilterId id, std::uint64_t hash, std::string_view text, bool has_wildcards)
      : hash_(hash), id_(id), size_(static_cast<std::uint16_t>(text.size())), has_wildcards_(has_wildcards) {}
  static Filter* make(FilterId id, std::uint64_t hash, std::string_view text, bool has_wildcards);
  static void destroy(void* filter);  ///< and its groups, if it still has some
  bool unused() const;

  std::uint64_t hash_;
  FilterId id_;
  std::atomic<std::uint64_t> reactors_{0};
  std::atomic<std::uint64_t> durable_{0};
  std::atomic<Groups*> groups_{nullptr};
  std::uint16_t size_;
  bool has_wildcards_;
};
static_assert(sizeof(Filter) == 48);

}  // namespace bramble
