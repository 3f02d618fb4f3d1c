#pragma once

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstdint>
#include <new>
#include <string_view>

#include "core/base/check.h"
#include "core/base/strong.h"
#include "core/sync/quiescence.h"

namespace bramble {

/// A set of T*, found by text, that is read without locks while one writer changes it. T has `std::uint64_t hash()
/// const` and `std::string_view text() const`, which stay what they are while it is in a set. The set does not own
/// them.
///
/// One word: nothing, the only member itself, or an open-addressing table of 8-byte slots (16 bits of the hash above 48
/// bits of pointer, so that one load gives both). The table is filled in place; it is replaced when it is 3/4 full or
/// half dead, and a slot that died is never used again.
///
/// Threads: find() and each() any reactor that is online; insert() and erase() one thread at a time.
/// Cost: find one cache miss for the table and one for the member; 8 to 32 bytes a member. The longest insert copies
/// the whole table: split what may grow to a million.
template <class T>
class TextIndex {
 public:
  TextIndex() = default;
  TextIndex(const TextIndex&) = delete;
  ~TextIndex() { Table::destroy(table_of(word_.load(std::memory_order_relaxed))); }

  bool empty() const { return word_.load(std::memory_order_relaxed) == 0; }

  T* find(std::uint64_t hash, std::string_view text) const {
    const std::uintptr_t word = word_.load(std::memory_order_acquire);  // pairs with the release in replace(), insert()
    if (word == 0) return nullptr;
    if (const Table* table = table_of(word)) return table->find(hash, text);
    return same(*only_of(word), hash, text) ? only_of(word) : nullptr;
  }

  /// Calls visit(T&) for each member until it says false; false then. Members that come or go meanwhile may be missed.
  template <class Visit>
  bool each(Visit visit) const {
    const std::uintptr_t word = word_.load(std::memory_order_acquire);
    if (word == 0) return true;
    const Table* table = table_of(word);
    if (!table) return visit(*only_of(word));
    for (std::uint32_t i = 0; i <= table->mask; ++i) {
      const Slot slot = table->slots()[i].load(std::memory_order_acquire);
      if (slot > kDead && !visit(*member_of(slot))) return false;
    }
    return true;
  }

  /// `member` is whole and its text is not in the set.
  void insert(T& member, Quiescence& quiescence, ReactorId here) {
    const std::uintptr_t word = word_.load(std::memory_order_relaxed);
    Table* table = table_of(word);
    if (word == 0) {
      word_.store(reinterpret_cast<std::uintptr_t>(&member), std::memory_order_release);
    } else if (table && (table->used + 1) * 4 <= table->capacity() * 3) {
      table->insert(member);
    } else {
      Table* wider = Table::make((table ? table->live : 1) + 1);
      each([wider](T& old) { return wider->insert(old), true; });
      wider->insert(member);
      replace(reinterpret_cast<std::uintptr_t>(wider) | kTableBit, quiescence, here);
    }
  }

  /// `member` is in the set; the caller retires it afterwards.
  void erase(T& member, Quiescence& quiescence, ReactorId here) {
    const std::uintptr_t word = word_.load(std::memory_order_relaxed);
    Table* table = table_of(word);
    if (!table) {
      check(only_of(word) == &member, "erased what is not in the set");
      word_.store(0, std::memory_order_release);
      return;
    }
    table->erase(member);
    if (table->live <= 1) {
      std::uintptr_t last = 0;
      each([&last](T& it) { return last = reinterpret_cast<std::uintptr_t>(&it), true; });
      replace(last, quiescence, here);
    } else if ((table->used - table->live) * 2 >= table->capacity()) {
      Table* fresh = Table::make(table->live);
      each([fresh](T& old) { return fresh->insert(old), true; });
      replace(reinterpret_cast<std::uintptr_t>(fresh) | kTableBit, quiescence, here);
    }
  }

  /// Bytes of its table, for figures. Writer only.
  std::size_t bytes() const {
    const Table* table = table_of(word_.load(std::memory_order_relaxed));
    return table ? sizeof(Table) + table->capacity() * sizeof(Slot) : 0;
  }

 private:
  using Slot = std::uint64_t;
  static constexpr Slot kEmpty = 0;
  static constexpr Slot kDead = 1;
  static constexpr std::uintptr_t kTableBit = 1;
  static constexpr unsigned kTagShift = 48;

  struct alignas(Slot) Table {
    std::uint32_t mask;
    std::uint32_t used = 0;  // members and dead slots; the writer's
    std::uint32_t live = 0;  // members; the writer's

    explicit Table(std::uint32_t capacity) : mask(capacity - 1) {
      for (std::uint32_t i = 0; i < capacity; ++i) new (&slots()[i]) std::atomic<Slot>(kEmpty);
    }
    static Table* make(std::uint32_t members) {
      const std::uint32_t capacity = std::max(std::uint32_t{4}, std::bit_ceil(members * 2));
      return new (::operator new(sizeof(Table) + capacity * sizeof(Slot))) Table(capacity);
    }
    static void destroy(void* table) { ::operator delete(table); }

    std::uint32_t capacity() const { return mask + 1; }
    std::atomic<Slot>* slots() { return reinterpret_cast<std::atomic<Slot>*>(this + 1); }
    const std::atomic<Slot>* slots() const { return reinterpret_cast<const std::atomic<Slot>*>(this + 1); }

    T* find(std::uint64_t hash, std::string_view text) const {
      for (std::uint64_t i = hash;; ++i) {
        const Slot slot = slots()[i & mask].load(std::memory_order_acquire);  // pairs with the release in insert()
        if (slot == kEmpty) return nullptr;
        if (slot > kDead && slot >> kTagShift == hash >> kTagShift && same(*member_of(slot), hash, text)) {
          return member_of(slot);
        }
      }
    }
    void insert(T& member) {
      static_assert(sizeof(void*) == 8 && alignof(T) >= 8);
      const auto pointer = reinterpret_cast<std::uintptr_t>(&member);
      check(pointer >> kTagShift == 0, "a pointer of more than 48 bits");
      std::uint64_t i = member.hash();
      while (slots()[i & mask].load(std::memory_order_relaxed) != kEmpty) ++i;
      // release: who finds the slot finds a whole member. Pairs with the acquire loads in find() and each().
      slots()[i & mask].store(member.hash() >> kTagShift << kTagShift | pointer, std::memory_order_release);
      ++used;
      ++live;
    }
    void erase(T& member) {
      std::uint64_t i = member.hash();
      for (Slot slot; (slot = slots()[i & mask].load(std::memory_order_relaxed)) != kEmpty; ++i) {
        if (slot <= kDead || member_of(slot) != &member) continue;
        slots()[i & mask].store(kDead, std::memory_order_release);
        --live;
        return;
      }
      check(false, "erased what is not in the set");
    }
  };

  static bool same(const T& member, std::uint64_t hash, std::string_view text) {
    return member.hash() == hash && member.text() == text;
  }
  static T* member_of(Slot slot) { return reinterpret_cast<T*>(slot & ((Slot{1} << kTagShift) - 1)); }
  static T* only_of(std::uintptr_t word) { return reinterpret_cast<T*>(word); }
  static Table* table_of(std::uintptr_t word) {
    return word & kTableBit ? reinterpret_cast<Table*>(word & ~kTableBit) : nullptr;
  }

  void replace(std::uintptr_t next, Quiescence& quiescence, ReactorId here) {
    // acq_rel: pairs with the acquire in find() and each(): the new table is whole.
    const std::uintptr_t old = word_.exchange(next, std::memory_order_acq_rel);
    if (Table* table = table_of(old)) quiescence.retire(here, table, Table::destroy);
  }

  std::atomic<std::uintptr_t> word_{0};
};

}  // namespace bramble
