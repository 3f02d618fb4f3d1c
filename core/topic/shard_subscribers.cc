#include "core/topic/shard_subscribers.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "core/base/check.h"

namespace bramble {
namespace {

constexpr std::uint64_t kGolden = 0x9E3779B97F4A7C15u;
constexpr std::size_t kEntriesMin = 4;
constexpr std::uint32_t kIsMany = 0xFFFF'FFFF;  // above every Subscription Identifier
constexpr std::size_t kWithoutIndex = 16;       // so many are found faster by looking at each

}  // namespace

/// Two or more subscribers of one id. With more than kWithoutIndex, `index` says where each recipient is: open
/// addressing, place + 1 in `all`, 0 free.
struct ShardSubscribers::Many : Recipient {
  std::vector<Subscriber> all;
  std::vector<std::uint32_t> index;
  std::uint32_t turn = 0;

  static std::size_t hash(const Recipient* recipient) {
    return static_cast<std::size_t>(reinterpret_cast<std::uintptr_t>(recipient) * kGolden >> 20);
  }
  std::size_t cell_mask() const { return index.size() - 1; }

  /// Where `recipient` is in `all`, or all.size().
  std::size_t find(const Recipient* recipient) const {
    if (index.empty()) {
      const auto is_it = [recipient](const Subscriber& it) { return it.recipient == recipient; };
      return static_cast<std::size_t>(std::find_if(all.begin(), all.end(), is_it) - all.begin());
    }
    for (std::size_t cell = hash(recipient);; ++cell) {
      const std::uint32_t place = index[cell & cell_mask()];
      if (place == 0) return all.size();
      if (all[place - 1].recipient == recipient) return place - 1;
    }
  }
  void push(const Subscriber& subscriber) {
    all.push_back(subscriber);
    if (index.empty() ? all.size() > kWithoutIndex : all.size() * 4 > index.size() * 3) {
      rebuild_index(std::bit_ceil(all.size() * 2));
    } else if (!index.empty()) {
      enter(all.size() - 1);
    }
  }
  /// The hole at `to` takes over what is at `from`, which becomes the hole.
  void move(std::size_t from, std::size_t to) {
    if (from == to) return;
    if (!index.empty()) index[cell_of(from)] = static_cast<std::uint32_t>(to + 1);
    all[to] = all[from];
  }
  /// Makes `i` a hole: its recipient is found no more.
  void leave_out(std::size_t i) {
    if (index.empty()) return;
    std::size_t hole = cell_of(i);
    for (std::size_t cell = hole;;) {  // close the gap: whoever may sit at the hole moves there
      cell = (cell + 1) & cell_mask();
      if (index[cell] == 0) break;
      const std::size_t wanted = hash(all[index[cell] - 1].recipient);
      if (((cell - wanted) & cell_mask()) < ((cell - hole) & cell_mask())) continue;
      index[hole] = index[cell];
      hole = cell;
    }
    index[hole] = 0;
  }
  /// The hole is at the end.
  void pop() {
    all.pop_back();
    if (all.size() * 4 < all.capacity()) all.shrink_to_fit();
    if (index.empty() || all.size() * 8 >= index.size()) return;
    rebuild_index(all.size() > kWithoutIndex / 2 ? std::bit_ceil(all.size() * 2) : 0);
  }

 private:
  void rebuild_index(std::size_t cells) {
    index = std::vector<std::uint32_t>(cells);
    for (std::size_t i = 0; cells > 0 && i < all.size(); ++i) enter(i);
  }
  void enter(std::size_t i) {
    std::size_t cell = hash(all[i].recipient);
    while (index[cell & cell_mask()] != 0) ++cell;
    index[cell & cell_mask()] = static_cast<std::uint32_t>(i + 1);
  }
  std::size_t cell_of(std::size_t i) const {
    std::size_t cell = hash(all[i].recipient);
    while (index[cell & cell_mask()] != i + 1) ++cell;
    return cell & cell_mask();
  }
};

ShardSubscribers::Many* ShardSubscribers::Entry::many() const {
  return only.subscription_identifier == kIsMany ? static_cast<Many*>(only.recipient) : nullptr;
}

ShardSubscribers::Entry::~Entry() { delete many(); }

ShardSubscribers::Entry& ShardSubscribers::Entry::operator=(Entry&& other) noexcept {
  delete many();
  id = other.id;
  only = std::exchange(other.only, {});
  return *this;
}

void ShardSubscribers::Entry::become_many() {
  auto* fresh = new Many;
  fresh->push(only);
  only = {.recipient = fresh, .subscription_identifier = kIsMany};
}

void ShardSubscribers::Entry::become_one(const Subscriber& subscriber) {
  const Subscriber last = subscriber;  // which is in the Many
  delete many();
  only = last;
}

std::span<const Subscriber> ShardSubscribers::Entry::all() const {
  if (const Many* many = this->many()) return many->all;
  return {&only, 1};
}

std::size_t ShardSubscribers::Entry::find(const Recipient* recipient) const {
  if (const Many* many = this->many()) return many->find(recipient);
  return only.recipient == recipient ? 0 : 1;
}

ShardSubscribers::ShardSubscribers() = default;
ShardSubscribers::~ShardSubscribers() = default;

ShardSubscribers::Added ShardSubscribers::add(FilterId id, const Subscriber& subscriber) {
  check(id != FilterId{} && subscriber.recipient != nullptr, "a subscriber has an id and a recipient");
  Entry* entry = find(id);
  if (!entry) {
    insert(id).only = subscriber;
    ++size_;
    return Added::first;
  }
  const std::size_t place = entry->find(subscriber.recipient);
  if (place < entry->all().size()) {
    (entry->many() ? entry->many()->all[place] : entry->only) = subscriber;
    return Added::replaced;
  }
  if (!entry->many()) entry->become_many();
  entry->many()->push(subscriber);
  ++size_;
  return Added::another;
}

ShardSubscribers::Removed ShardSubscribers::remove(FilterId id, const Recipient* recipient) {
  Entry* entry = find(id);
  if (!entry) return Removed::none;
  const std::size_t place = entry->find(recipient);
  if (place == entry->all().size()) return Removed::none;
  take_out(*entry, place);
  --size_;
  return find(id) ? Removed::another : Removed::last;
}

void ShardSubscribers::take_out(Entry& entry, std::size_t i) {
  std::size_t hole = i;
  Many* const many = entry.many();
  if (many) many->leave_out(i);
  const auto fill_from = [many, &hole](std::size_t from) {
    if (many) many->move(from, hole);
    hole = from;
  };
  // A suspended fan-out stands in the list: served | waiting | came later. The hole wanders to the end of each part.
  if (cursor_ && cursor_->id == entry.id) {
    if (hole < cursor_->at) fill_from(--cursor_->at);
    if (hole < cursor_->end) fill_from(--cursor_->end);
  }
  fill_from(entry.all().size() - 1);
  if (!many) return erase(entry);
  many->pop();
  if (many->all.size() == 1) entry.become_one(many->all.front());
}

std::span<const Subscriber> ShardSubscribers::on(FilterId id) const {
  const Entry* entry = find(id);
  if (!entry) return {};
  return entry->all();
}

const Subscriber* ShardSubscribers::find(FilterId id, const Recipient* recipient) const {
  const auto all = on(id);
  const Entry* entry = find(id);
  const std::size_t place = entry ? entry->find(recipient) : all.size();
  return place < all.size() ? &all[place] : nullptr;
}

void ShardSubscribers::suspend(FilterId id, std::size_t sent) {
  check(!cursor_, "one fan-out is suspended at a time");
  cursor_ = Cursor{id, sent, on(id).size()};
  check(sent <= cursor_->end, "more sent than there are subscribers");
}

std::span<const Subscriber> ShardSubscribers::rest() const {
  return on(cursor_->id).subspan(cursor_->at, cursor_->end - cursor_->at);
}

void ShardSubscribers::advance(std::size_t sent) {
  check(cursor_ && sent <= cursor_->end - cursor_->at, "more sent than waited");
  cursor_->at += sent;
}

std::uint32_t* ShardSubscribers::turn_of(FilterId group) {
  Entry* entry = find(group);
  return entry && entry->many() ? &entry->many()->turn : nullptr;
}

// --- the table of entries: linear probing, and removal closes the gap, as only one thread looks

std::uint64_t ShardSubscribers::hash(FilterId id) { return id.value * kGolden; }

ShardSubscribers::Part& ShardSubscribers::part_of(FilterId id) { return parts_[hash(id) >> 58]; }

const ShardSubscribers::Entry* ShardSubscribers::find(FilterId id) const {
  const Part& part = parts_[hash(id) >> 58];
  if (part.entries.empty()) return nullptr;
  for (std::size_t i = part.home(id);; i = part.after(i)) {
    const Entry& entry = part.entries[i];
    if (entry.id == id) return &entry;
    if (entry.id == FilterId{}) return nullptr;
  }
}

ShardSubscribers::Entry* ShardSubscribers::find(FilterId id) {
  return const_cast<Entry*>(std::as_const(*this).find(id));
}

ShardSubscribers::Entry& ShardSubscribers::insert(FilterId id) {
  Part& part = part_of(id);
  if ((part.used + 1) * 4 > part.entries.size() * 3) part.resize(std::max(kEntriesMin, part.entries.size() * 3 / 2));
  ++part.used;
  return part.free_place(id);
}

void ShardSubscribers::erase(Entry& entry) {
  Part& part = part_of(entry.id);
  auto hole = static_cast<std::size_t>(&entry - part.entries.data());
  for (std::size_t i = hole;;) {
    i = part.after(i);
    Entry& next = part.entries[i];
    if (next.id == FilterId{}) break;
    if (part.distance(part.home(next.id), i) < part.distance(hole, i)) continue;
    part.entries[hole] = std::move(next);
    hole = i;
  }
  part.entries[hole] = Entry{};
  --part.used;
  if (part.entries.size() > kEntriesMin && part.used * 8 < part.entries.size()) part.resize(part.entries.size() / 2);
}

std::size_t ShardSubscribers::Part::home(FilterId id) const {
  return (hash(id) << 6 >> 32) * entries.size() >> 32;  // by bits that did not choose the part
}

ShardSubscribers::Entry& ShardSubscribers::Part::free_place(FilterId id) {
  std::size_t i = home(id);
  while (entries[i].id != FilterId{}) i = after(i);
  entries[i].id = id;
  return entries[i];
}

void ShardSubscribers::Part::resize(std::size_t places) {
  auto old = std::exchange(entries, std::vector<Entry>(places));
  for (Entry& entry : old) {
    if (entry.id != FilterId{}) free_place(entry.id) = std::move(entry);
  }
}

std::size_t ShardSubscribers::bytes() const {
  std::size_t bytes = sizeof *this;
  for (const Part& part : parts_) {
    bytes += part.entries.capacity() * sizeof(Entry);
    for (const Entry& entry : part.entries) {
      const Many* many = entry.many();
      if (many) bytes += sizeof *many + many->all.capacity() * sizeof(Subscriber) + many->index.size() * 4;
    }
  }
  return bytes;
}

}  // namespace bramble
