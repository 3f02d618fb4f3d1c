#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstdint>
#include <new>
#include <string_view>

#include "core/base/check.h"
#include "core/base/strong.h"
#include "core/sync/quiescence.h"

namespace bramble {

/// The table of a TextIndex: open addressing; 8-byte slots of 16 bits of the hash above 48 bits of pointer, so that one
/// load gives both. Filled in place by one writer; a slot that died is never used again. The slots follow the struct.
template <class T>
struct alignas(8) TextTable {
  using Slot = std::uint64_t;
  static constexpr Slot kEmpty = 0;
  static constexpr Slot kDead = 1;
  static constexpr unsigned kTagShift = 48;

  std::uint32_t mask;
  std::uint32_t used = 0;  // members and dead slots; the writer's
  std::uint32_t live = 0;  // members; the writer's

  static TextTable* make(std::uint32_t members) {
    const std::uint32_t capacity = std::max(std::uint32_t{4}, std::bit_ceil(members * 2));
    return new (::operator new(sizeof(TextTable) + capacity * sizeof(Slot))) TextTable(capacity);
  }
  explicit TextTable(std::uint32_t capacity) : mask(capacity - 1) {
    for (std::uint32_t i = 0; i < capacity; ++i) new (&slots()[i]) std::atomic<Slot>(kEmpty);
  }

  std::uint32_t capacity() const { return mask + 1; }
  std::uint32_t dead() const { return used - live; }
  bool has_room() const { return (used + 1) * 4 <= capacity() * 3; }
  std::size_t bytes() const { return sizeof *this + capacity() * sizeof(Slot); }
  std::atomic<Slot>* slots() { return reinterpret_cast<std::atomic<Slot>*>(this + 1); }
  const std::atomic<Slot>* slots() const { return reinterpret_cast<const std::atomic<Slot>*>(this + 1); }
  static T* member_of(Slot slot) { return reinterpret_cast<T*>(slot & ((Slot{1} << kTagShift) - 1)); }

  T* find(std::uint64_t hash, std::string_view text) const {
    for (std::uint64_t i = hash;; ++i) {
      const Slot slot = slots()[i & mask].load(std::memory_order_acquire);  // pairs with the release in insert()
      if (slot == kEmpty) return nullptr;
      if (slot == kDead || slot >> kTagShift != hash >> kTagShift) continue;
      T* member = member_of(slot);
      if (member->text() == text) return member;
    }
  }
  template <class Visit>
  bool each(Visit& visit) const {
    for (std::uint32_t i = 0; i < capacity(); ++i) {
      const Slot slot = slots()[i].load(std::memory_order_acquire);
      if (slot > kDead && !visit(*member_of(slot))) return false;
    }
    return true;
  }
  void insert(T& member) {
    static_assert(sizeof(void*) == 8 && alignof(T) >= 4);
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
    slot_of(member).store(kDead, std::memory_order_release);
    --live;
  }
  void replace(T& member, T& other) {
    const Slot tag = member.hash() >> kTagShift << kTagShift;
    // release: as in insert().
    slot_of(member).store(tag | reinterpret_cast<std::uintptr_t>(&other), std::memory_order_release);
  }
  std::atomic<Slot>& slot_of(T& member) {
    std::uint64_t i = member.hash();
    for (Slot slot; (slot = slots()[i & mask].load(std::memory_order_relaxed)) != kEmpty; ++i) {
      if (slot != kDead && member_of(slot) == &member) break;
    }
    check(slots()[i & mask].load(std::memory_order_relaxed) != kEmpty, "it is not in the set");
    return slots()[i & mask];
  }
};

/// A set of T*, found by text, that is read without locks while one writer changes it. T has `std::uint64_t hash()
/// const` and `std::string_view text() const`, which stay what they are while it is in a set. The set does not own
/// them.
///
/// One word: nothing, the only member itself, or a table, which is replaced when it is 3/4 full or half dead. Beyond
/// 4096 members it becomes 256 sets (unless it is one of such), so that no insert copies many more: one table of a
/// million members stalled its writer for 96 ms when it grew.
///
/// Threads: find() and each() any reactor that is online; insert() and erase() one thread at a time.
/// Cost: find one cache miss for the table and one for the member; 8 to 32 bytes a member. insert at worst 0.5 ms.
template <class T, bool kMaySplit = true>
class TextIndex {
 public:
  TextIndex() = default;
  TextIndex(const TextIndex&) = delete;
  ~TextIndex() { destroy(word_.load(std::memory_order_relaxed)); }

  bool empty() const { return word_.load(std::memory_order_relaxed) == 0; }

  // Inlined, a match among a million filters takes 1360 instructions; called, 1580 (callgrind, g++ 12 -O2).
  [[gnu::always_inline]] T* find(std::uint64_t hash, std::string_view text) const {
    Word word = word_.load(std::memory_order_acquire);  // pairs with the release in become() and insert()
    if (is_split(word)) [[unlikely]]
      word = split_of(word)->part(hash).word_.load(std::memory_order_acquire);
    if (is_table(word)) return table_of(word)->find(hash, text);
    T* only = only_of(word);
    return only && only->hash() == hash && only->text() == text ? only : nullptr;
  }

  /// Calls visit(T&) for each member until it says false; false then. Members that come or go meanwhile may be missed.
  template <class Visit>
  bool each(Visit&& visit) const {
    const Word word = word_.load(std::memory_order_acquire);
    if (word == 0) return true;
    if (is_table(word)) return table_of(word)->each(visit);
    if (is_split(word)) return split_of(word)->each(visit);
    return visit(*only_of(word));
  }

  /// `member` is whole and its text is not in the set.
  void insert(T& member, Quiescence& quiescence, ReactorId here) {
    const Word word = word_.load(std::memory_order_relaxed);
    if (word == 0) {
      word_.store(reinterpret_cast<Word>(&member), std::memory_order_release);
      return;
    }
    if (is_table(word) && table_of(word)->has_room()) return table_of(word)->insert(member);
    if (is_split(word)) return split_of(word)->insert(member, quiescence, here);
    const std::uint32_t members = (is_table(word) ? table_of(word)->live : 1) + 1;
    if (kMaySplit && members > kMembersUnsplit) {
      auto* split = new Split;
      each([&](T& old) { return split->insert(old, quiescence, here), true; });
      split->insert(member, quiescence, here);
      return become(reinterpret_cast<Word>(split) | kSplitBit, quiescence, here);
    }
    Table* table = copy(members);
    table->insert(member);
    become(reinterpret_cast<Word>(table) | kTableBit, quiescence, here);
  }

  /// `member` is in the set; the caller retires it afterwards.
  void erase(T& member, Quiescence& quiescence, ReactorId here) {
    const Word word = word_.load(std::memory_order_relaxed);
    if (is_table(word)) {
      Table* table = table_of(word);
      table->erase(member);
      if (table->live <= 1) return become(reinterpret_cast<Word>(any()), quiescence, here);
      if (table->dead() * 2 < table->capacity()) return;
      return become(reinterpret_cast<Word>(copy(table->live)) | kTableBit, quiescence, here);
    }
    if (is_split(word)) {
      Split* split = split_of(word);
      split->erase(member, quiescence, here);
      if (split->live * 8 >= kMembersUnsplit) return;
      return become(reinterpret_cast<Word>(copy(split->live)) | kTableBit, quiescence, here);
    }
    check(only_of(word) == &member, "erased what is not in the set");
    word_.store(0, std::memory_order_release);
  }

  /// `other`, with the hash and the text of `member`, takes the place of `member`, which the caller retires afterwards.
  void replace(T& member, T& other) {
    const Word word = word_.load(std::memory_order_relaxed);
    if (is_table(word)) return table_of(word)->replace(member, other);
    if (is_split(word)) return split_of(word)->part(member.hash()).replace(member, other);
    check(only_of(word) == &member, "replaced what is not in the set");
    word_.store(reinterpret_cast<Word>(&other), std::memory_order_release);
  }

  /// Bytes of its tables, for figures. Writer only.
  std::size_t bytes() const {
    const Word word = word_.load(std::memory_order_relaxed);
    if (is_table(word)) return table_of(word)->bytes();
    if (is_split(word)) return split_of(word)->bytes();
    return 0;
  }

 private:
  using Word = std::uintptr_t;
  using Table = TextTable<T>;
  struct Split;
  friend class TextIndex<T, true>;
  static constexpr Word kTableBit = 1;
  static constexpr Word kSplitBit = 2;
  static constexpr std::uint32_t kMembersUnsplit = 4'096;

  /// 256 sets, chosen by bits that no place in a table of less than 2^23 uses, nor ExactFilters.
  struct Split {
    using Part = TextIndex<T, false>;
    std::array<Part, 256> parts;
    std::uint32_t live = 0;  // the writer's

    Part& part(std::uint64_t hash) { return parts[hash >> 23 & 255]; }
    void insert(T& member, Quiescence& quiescence, ReactorId here) {
      part(member.hash()).insert(member, quiescence, here);
      ++live;
    }
    void erase(T& member, Quiescence& quiescence, ReactorId here) {
      part(member.hash()).erase(member, quiescence, here);
      --live;
    }
    template <class Visit>
    bool each(Visit& visit) const {
      for (const Part& part : parts) {
        if (!part.each(visit)) return false;
      }
      return true;
    }
    std::size_t bytes() const {
      std::size_t bytes = sizeof *this;
      for (const Part& part : parts) bytes += part.bytes();
      return bytes;
    }
  };

  static bool is_table(Word word) { return (word & kTableBit) != 0; }
  static bool is_split(Word word) { return kMaySplit && (word & kSplitBit) != 0; }
  static T* only_of(Word word) { return reinterpret_cast<T*>(word); }
  static Table* table_of(Word word) { return reinterpret_cast<Table*>(word & ~kTableBit); }
  static Split* split_of(Word word) { return reinterpret_cast<Split*>(word & ~kSplitBit); }

  /// A table with all members and room for `members`.
  Table* copy(std::uint32_t members) const {
    Table* table = Table::make(members);
    each([table](T& member) { return table->insert(member), true; });
    return table;
  }
  T* any() const {
    T* found = nullptr;
    each([&found](T& member) { return found = &member, false; });
    return found;
  }
  void become(Word next, Quiescence& quiescence, ReactorId here) {
    // acq_rel: pairs with the acquire in find() and each(): what the word leads to is whole.
    const Word old = word_.exchange(next, std::memory_order_acq_rel);
    if (is_table(old) || is_split(old)) {
      quiescence.retire(here, reinterpret_cast<void*>(old), [](void* word) { destroy(reinterpret_cast<Word>(word)); });
    }
  }
  static void destroy(Word word) {
    if (is_table(word)) ::operator delete(table_of(word));
    if (is_split(word)) delete split_of(word);
  }

  std::atomic<Word> word_{0};
};

}  // namespace bramble
