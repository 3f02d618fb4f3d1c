#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/strong.h"

namespace bramble {

class Filter;

/// One ($share name, filter): how many members each reactor has, online and absent (a session whose client is away).
/// Which reactor gets a message is the publisher's choice from these counts; which member, that reactor's.
/// Owned by the SubscriptionTable; a reader may keep it for its turn, a member's reactor for as long as it has members.
/// Memory: 8 bytes a reactor, packed: eight reactors share a cache line, because groups may be many and counts change
/// only when a member comes or goes.
/// Threads: the counts of a reactor are written by that reactor alone, through SubscriptionTable; read by anyone.
class SharedGroup {
 public:
  SharedGroup(FilterId id, Filter& filter, std::string_view name, unsigned reactors)
      : id_(id), filter_(filter), name_(name), members_(reactors) {}

  FilterId id() const { return id_; }  ///< the key of its members in ShardSubscribers
  Filter& filter() const { return filter_; }
  std::string_view name() const { return name_; }
  unsigned reactors() const { return static_cast<unsigned>(members_.size()); }
  std::uint32_t online(ReactorId reactor) const { return static_cast<std::uint32_t>(members(reactor)); }
  std::uint32_t absent(ReactorId reactor) const { return static_cast<std::uint32_t>(members(reactor) >> 32); }

 private:
  friend class SubscriptionTable;

  // acquire: pairs with the release in change().
  std::uint64_t members(ReactorId reactor) const { return members_[reactor.value].load(std::memory_order_acquire); }
  void change(ReactorId here, int online, int absent);
  bool unused() const;

  FilterId id_;
  Filter& filter_;
  std::string name_;
  std::vector<std::atomic<std::uint64_t>> members_;  // by reactor: absent in the high half, online in the low one
};

}  // namespace bramble
