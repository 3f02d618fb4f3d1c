#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "core/base/strong.h"
#include "core/mqtt/types.h"

namespace bramble {

/// Who gets messages: the broker's session derives from it. `core` only hands the pointer back.
class Recipient {
 protected:
  Recipient() = default;
  ~Recipient() = default;
};

/// One subscription on one filter.
struct Subscriber {
  Recipient* recipient = nullptr;
  std::uint32_t subscription_identifier = 0;  ///< 0: none
  mqtt::Qos qos = mqtt::Qos::at_most_once;    ///< granted
  bool no_local = false;
  bool retain_as_published = false;
  bool all_readable = false;  ///< access control need not be asked for each message
};
static_assert(sizeof(Subscriber) == 16);

/// The subscribers of one reactor, by FilterId (a filter's, or a $share group's): the other half of SubscriptionTable.
/// A recipient is on an id at most once. Order means nothing.
/// Threads: its reactor alone.
/// Cost: look-up one cache miss; add and remove O(1) amortised, also with 100,000 on one filter; the only subscriber of
/// a filter needs no memory beyond the entry (24 bytes, 32 to 48 with the table's free places); more take 16 bytes
/// each, from 17 on 24.
class ShardSubscribers {
 public:
  ShardSubscribers();
  ~ShardSubscribers();
  ShardSubscribers(const ShardSubscribers&) = delete;

  enum class Added { first, another, replaced };
  /// `first`: the caller sets the reactor's bit in the table now. A recipient that is there already gets the new
  /// options.
  Added add(FilterId id, const Subscriber& subscriber);

  enum class Removed { last, another, none };
  /// `last`: the caller takes the reactor's bit off.
  Removed remove(FilterId id, const Recipient* recipient);

  /// All on this id. Good until the next add() or remove().
  std::span<const Subscriber> on(FilterId id) const;
  const Subscriber* find(FilterId id, const Recipient* recipient) const;

  /// A fan-out that stops part way, because a turn is bounded: suspend() says that the first `sent` of on(id) are
  /// served, rest() is who is not. Whoever leaves meanwhile, nobody is skipped or served twice; who comes meanwhile is
  /// not in rest(). One at a time in a shard; it ends with finish().
  void suspend(FilterId id, std::size_t sent);
  bool suspended() const { return cursor_.has_value(); }
  std::span<const Subscriber> rest() const;
  void advance(std::size_t sent);  ///< the first `sent` of rest() are served too
  void finish() { cursor_.reset(); }

  /// The next member, in turn, that `accept(const Subscriber&)` takes; nullptr when it takes none. For $share groups.
  template <class Accept>
  const Subscriber* next_member(FilterId group, Accept accept) {
    const auto members = on(group);
    std::uint32_t* turn = turn_of(group);
    for (std::size_t tried = 0; tried < members.size(); ++tried) {
      const std::size_t i = (turn ? *turn + tried : tried) % members.size();
      if (!accept(members[i])) continue;
      if (turn) *turn = static_cast<std::uint32_t>(i + 1);
      return &members[i];
    }
    return nullptr;
  }

  std::size_t size() const { return size_; }  ///< subscriptions
  std::size_t bytes() const;                  ///< memory, for figures. O(entries)

 private:
  struct Many;
  /// One id's subscribers: the only one, or in its place, told by an identifier that MQTT does not have, the Many that
  /// it owns.
  struct Entry {
    FilterId id{};  // 0: a free place
    Subscriber only;

    Entry() = default;
    ~Entry();
    Entry(Entry&& other) noexcept : id(other.id), only(std::exchange(other.only, {})) {}
    Entry& operator=(Entry&& other) noexcept;
    Many* many() const;
    void become_many();
    void become_one(const Subscriber& subscriber);
    std::span<const Subscriber> all() const;
    std::size_t find(const Recipient* recipient) const;  ///< its place in all(), or all().size()
  };
  static_assert(sizeof(Entry) == 24, "docs/design.md, Memory");
  /// An open-addressing table of entries, half to three quarters full: any size, so that it need not double. 64 of
  /// them, so that none stalls the reactor long when it grows.
  struct Part {
    std::vector<Entry> entries;
    std::size_t used = 0;

    std::size_t after(std::size_t place) const { return place + 1 == entries.size() ? 0 : place + 1; }
    /// So many places after `from`, round the end.
    std::size_t distance(std::size_t from, std::size_t to) const {
      return to >= from ? to - from : to + entries.size() - from;
    }
    std::size_t home(FilterId id) const;
    Entry& free_place(FilterId id);
    void resize(std::size_t places);
  };
  struct Cursor {
    FilterId id;
    std::size_t at;   // those before it are served
    std::size_t end;  // those from here on came later
  };

  static constexpr std::size_t kParts = 64;

  static std::uint64_t hash(FilterId id);
  Part& part_of(FilterId id);
  const Entry* find(FilterId id) const;
  Entry* find(FilterId id);
  Entry& insert(FilterId id);
  void erase(Entry& entry);
  void take_out(Entry& entry, std::size_t i);
  std::uint32_t* turn_of(FilterId group);

  std::array<Part, kParts> parts_;
  std::size_t size_ = 0;
  std::optional<Cursor> cursor_;
};

}  // namespace bramble
