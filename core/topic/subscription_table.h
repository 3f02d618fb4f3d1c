#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/hash.h"
#include "core/sync/quiescence.h"
#include "core/topic/exact_filters.h"
#include "core/topic/filter.h"
#include "core/topic/shared_group.h"
#include "core/topic/topic.h"
#include "core/topic/wildcard_trie.h"

namespace bramble {

/// The filters one topic matched: a list that its owner uses again and again, so that matching does not allocate.
/// The pointers are good until the end of the turn.  Threads: one reactor's.
class Matches {
 public:
  std::size_t size() const { return filters_.size(); }
  bool empty() const { return filters_.empty(); }
  Filter* operator[](std::size_t i) const { return filters_[i]; }
  auto begin() const { return filters_.begin(); }
  auto end() const { return filters_.end(); }
  void clear() { filters_.clear(); }
  /// Nodes of the wildcard tree that were visited since it was last asked: what matching has cost, 15 to 100 ns each.
  std::size_t take_visited() { return std::exchange(scratch_.visited, 0); }

 private:
  friend class SubscriptionTable;
  std::vector<Filter*> filters_;
  WildcardTrie::Scratch scratch_;
};

/// Topic Filter -> the reactors that have subscribers on it. The one structure all reactors read without locks.
/// A reactor subscribes like this: add(), which gives the id, the subscriber into its ShardSubscribers in the same turn
/// (so that no message for the bit can be handled between), then SUBACK. It leaves like this: take the subscriber off,
/// and when it was the shard's last on that filter, remove(). A bit without a subscriber costs a message nobody wants;
/// a subscriber without a bit loses messages.
///
/// Threads: any reactor that is online in `quiescence`, with its own ReactorId; none holds a lock while it calls.
/// Cost: match 0.65 us among a million filters, 4 of them matching (docs/design.md, Figures); add to a filter the
/// reactor is on already: a look-up; otherwise 0.4 to 1 us under a mutex that covers 1/256 of the exact filters, or the
/// tree of wildcards. About 100 bytes a filter.
class SubscriptionTable {
 public:
  SubscriptionTable(Quiescence& quiescence, unsigned reactors, std::uint64_t seed);
  ~SubscriptionTable();  ///< frees all filters and groups: no reactor runs any more
  SubscriptionTable(const SubscriptionTable&) = delete;

  /// Finds or makes the filter and sets `here`'s bit on it. A share name is not looked at.
  Filter& add(ReactorId here, const TopicFilter& wanted);
  Filter* find(const TopicFilter& wanted) const;
  /// Clears `here`'s bit, which is set, and its durable one unless it has members in a group there; frees the filter
  /// when nobody is left on it.
  void remove(ReactorId here, Filter& filter);
  /// `here`'s bit is set on `filter`, or it has members in one of its groups. No lock.
  void set_durable(ReactorId here, Filter& filter, bool durable);

  /// Counts one member more of $share/{wanted.share()}/{wanted.filter()}; finds or makes the group and its filter.
  SharedGroup& join(ReactorId here, const TopicFilter& wanted, bool online);
  /// A member of `here` comes or goes without joining or leaving. `here` has members before and after. No lock.
  void count(ReactorId here, SharedGroup& group, int online_change, int absent_change);
  /// Counts one member less; frees group and filter when nobody is left, and clears `here`'s durable bit when `here`
  /// has nothing more on the filter.
  void leave(ReactorId here, SharedGroup& group, bool online);

  /// `out` becomes the filters that match, each once, in no order. No lock.
  void match(TopicName topic, Matches& out) const;

  /// What a remembered match depends on. Read BEFORE matching; while current(), a match would give the same filters and
  /// they are alive, so their pointers may be followed in this turn. Bits and groups must be read afresh each time.
  struct Versions {
    std::uint64_t local = 0;   ///< of the filters whose first two levels hash as the topic's do
    std::uint64_t global = 0;  ///< of those with a wildcard there
    std::uint32_t index = 0;
  };
  Versions versions(TopicName topic) const;
  bool current(const Versions& seen) const {
    // acquire: pairs with the release in changed().
    return local_[seen.index].load(std::memory_order_acquire) == seen.local &&
           global_.load(std::memory_order_acquire) == seen.global;
  }

  std::size_t filters() const { return count_.load(std::memory_order_relaxed); }  ///< for $SYS
  std::size_t nodes() const { return wildcard_.nodes(); }  ///< of the wildcard tree. Only while nobody writes
  std::size_t bytes() const;                               ///< all of it. Only while nobody writes

 private:
  struct Key;
  static constexpr std::size_t kLocalVersions = 4096;

  Key key_of(const TopicFilter& wanted) const;
  Filter* find(const Key& key) const;
  Filter& find_or_make(ReactorId here, const Key& key);
  std::mutex& mutex_of(std::uint64_t hash, bool has_wildcards);
  void forget(ReactorId here, Filter& filter);
  SharedGroup& find_or_make_group(ReactorId here, Filter& filter, std::string_view name);
  void remove_group(ReactorId here, SharedGroup& group);
  void replace_groups(ReactorId here, Filter& filter, std::vector<SharedGroup*> next);
  std::uint32_t local_index(std::string_view text) const;
  void changed(std::string_view filter);

  Quiescence& quiescence_;
  const SeededHash hash_;
  const unsigned reactors_;
  ExactFilters exact_;
  WildcardTrie wildcard_;
  alignas(64) std::atomic<std::uint64_t> last_id_{0};
  std::atomic<std::size_t> count_{0};
  alignas(64) std::atomic<std::uint64_t> global_{0};
  alignas(64) std::array<std::atomic<std::uint64_t>, kLocalVersions> local_{};
};

}  // namespace bramble
