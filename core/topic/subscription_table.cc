#include "core/topic/subscription_table.h"

#include <algorithm>

#include "core/base/check.h"

namespace bramble {
namespace {

std::string_view first_two_levels(std::string_view text) {
  const auto first = text.find('/');
  return first == std::string_view::npos ? text : text.substr(0, text.find('/', first + 1));
}

}  // namespace

struct SubscriptionTable::Key {
  std::string_view text;
  std::uint64_t hash;
  bool has_wildcards;
};

SubscriptionTable::SubscriptionTable(Quiescence& quiescence, unsigned reactors, std::uint64_t seed)
    : quiescence_(quiescence), hash_(seed), reactors_(reactors), wildcard_(hash_) {
  check(reactors >= 1 && reactors <= kReactorsMax, "a broker has 1 to 64 reactors");
}

SubscriptionTable::~SubscriptionTable() {
  exact_.each([](Filter& filter) { Filter::destroy(&filter); });
  for (Filter* filter : wildcard_.all()) Filter::destroy(filter);
}

SubscriptionTable::Key SubscriptionTable::key_of(const TopicFilter& wanted) const {
  return {wanted.filter(), hash_(wanted.filter()), wanted.has_wildcards()};
}

std::mutex& SubscriptionTable::mutex_of(std::uint64_t hash, bool has_wildcards) {
  return has_wildcards ? wildcard_.mutex() : exact_.mutex(hash);
}

Filter* SubscriptionTable::find(const Key& key) const {
  return key.has_wildcards ? wildcard_.find(key.text) : exact_.find(key.hash, key.text);
}

Filter* SubscriptionTable::find(const TopicFilter& wanted) const { return find(key_of(wanted)); }

Filter& SubscriptionTable::add(ReactorId here, const TopicFilter& wanted) {
  const Key key = key_of(wanted);
  const std::uint64_t bit = reactor_bit(here);
  Filter* known = find(key);
  // Our own bit keeps a filter alive, and only we clear it: nothing to change, so nothing to lock.
  if (known && known->reactors() & bit) return *known;
  // Under the mutex, or we might set a bit on a filter that another reactor is taking out.
  const std::lock_guard lock(mutex_of(key.hash, key.has_wildcards));
  Filter& filter = find_or_make(here, key);
  filter.reactors_.fetch_or(bit, std::memory_order_release);  // pairs with the acquire in Filter::reactors()
  return filter;
}

void SubscriptionTable::remove(ReactorId here, Filter& filter) {
  const std::lock_guard lock(mutex_of(filter.hash(), filter.has_wildcards()));
  check(filter.reactors() & reactor_bit(here), "removed a filter that this reactor has not added");
  filter.reactors_.fetch_and(~reactor_bit(here), std::memory_order_release);
  forget(here, filter);
}

void SubscriptionTable::set_durable(ReactorId here, Filter& filter, bool durable) {
  if (durable) {
    filter.durable_.fetch_or(reactor_bit(here), std::memory_order_release);  // pairs with that in Filter::durable()
  } else {
    filter.durable_.fetch_and(~reactor_bit(here), std::memory_order_release);
  }
}

SharedGroup& SubscriptionTable::join(ReactorId here, const TopicFilter& wanted, bool online) {
  check(wanted.shared(), "joined a filter without a share name");
  const Key key = key_of(wanted);
  const std::lock_guard lock(mutex_of(key.hash, key.has_wildcards));
  SharedGroup& group = find_or_make_group(here, find_or_make(here, key), wanted.share());
  group.change(here, online ? 1 : 0, online ? 0 : 1);
  return group;
}

void SubscriptionTable::count(ReactorId here, SharedGroup& group, int online_change, int absent_change) {
  group.change(here, online_change, absent_change);
  check(group.members(here) != 0, "the last member of a reactor leaves through leave()");
}

void SubscriptionTable::leave(ReactorId here, SharedGroup& group, bool online) {
  Filter& filter = group.filter();
  const std::lock_guard lock(mutex_of(filter.hash(), filter.has_wildcards()));
  group.change(here, online ? -1 : 0, online ? 0 : -1);
  if (group.unused()) remove_group(here, group);
  forget(here, filter);
}

/// `here` has taken something off `filter`: what follows when that was its last, or anybody's last. Holds the mutex.
void SubscriptionTable::forget(ReactorId here, Filter& filter) {
  const auto groups = filter.groups();
  const bool stays =
      filter.reactors() & reactor_bit(here) ||
      std::any_of(groups.begin(), groups.end(), [here](const SharedGroup* group) { return group->members(here) != 0; });
  if (!stays) set_durable(here, filter, false);
  if (!filter.unused()) return;
  if (filter.has_wildcards()) {
    wildcard_.erase(filter, quiescence_, here);
  } else {
    exact_.erase(filter, quiescence_, here);
  }
  count_.fetch_sub(1, std::memory_order_relaxed);
  changed(filter.text());
  quiescence_.retire(here, &filter, Filter::destroy);
}

/// Holds the mutex.
Filter& SubscriptionTable::find_or_make(ReactorId here, const Key& key) {
  if (Filter* known = find(key)) return *known;
  const FilterId id{last_id_.fetch_add(1, std::memory_order_relaxed) + 1};
  Filter* filter = Filter::make(id, key.hash, key.text, key.has_wildcards);
  if (key.has_wildcards) {
    wildcard_.insert(*filter, quiescence_, here);
  } else {
    exact_.insert(*filter, quiescence_, here);
  }
  count_.fetch_add(1, std::memory_order_relaxed);
  changed(key.text);
  return *filter;
}

/// Holds the mutex.
SharedGroup& SubscriptionTable::find_or_make_group(ReactorId here, Filter& filter, std::string_view name) {
  const auto groups = filter.groups();
  for (SharedGroup* group : groups) {
    if (group->name() == name) return *group;
  }
  const FilterId id{last_id_.fetch_add(1, std::memory_order_relaxed) + 1};
  std::vector<SharedGroup*> next(groups.begin(), groups.end());
  next.push_back(new SharedGroup(id, filter, name, reactors_));
  SharedGroup& group = *next.back();
  replace_groups(here, filter, std::move(next));
  return group;
}

/// Holds the mutex.
void SubscriptionTable::remove_group(ReactorId here, SharedGroup& group) {
  const auto groups = group.filter().groups();
  std::vector<SharedGroup*> next(groups.begin(), groups.end());
  std::erase(next, &group);
  replace_groups(here, group.filter(), std::move(next));
  quiescence_.retire(here, &group);
}

void SubscriptionTable::replace_groups(ReactorId here, Filter& filter, std::vector<SharedGroup*> next) {
  auto* fresh = next.empty() ? nullptr : new Filter::Groups(std::move(next));
  // acq_rel: pairs with the acquire in Filter::groups(): a whole list of whole groups.
  Filter::Groups* old = filter.groups_.exchange(fresh, std::memory_order_acq_rel);
  changed(filter.text());
  if (old) quiescence_.retire(here, old);
}

void SubscriptionTable::match(TopicName topic, Matches& out) const {
  const std::string_view text = topic.view();
  out.filters_.clear();
  if (Filter* exact = exact_.find(hash_(text), text)) out.filters_.push_back(exact);
  if (!wildcard_.empty()) wildcard_.match(text, out.scratch_, out.filters_);
}

SubscriptionTable::Versions SubscriptionTable::versions(TopicName topic) const {
  const std::uint32_t index = local_index(first_two_levels(topic.view()));
  // acquire: a match that follows sees every change these versions stand for.
  return {local_[index].load(std::memory_order_acquire), global_.load(std::memory_order_acquire), index};
}

std::uint32_t SubscriptionTable::local_index(std::string_view text) const {
  return static_cast<std::uint32_t>(hash_(text) % kLocalVersions);
}

/// After the table has changed and before what was taken out is retired: whoever reads the old version reads a table in
/// which the pointers it remembers are still alive.
void SubscriptionTable::changed(std::string_view filter) {
  const std::string_view levels = first_two_levels(filter);
  const bool wild = levels.find_first_of("+#") != std::string_view::npos;
  auto& version = wild ? global_ : local_[local_index(levels)];
  version.fetch_add(1, std::memory_order_release);  // pairs with the acquire in versions() and current()
}

std::size_t SubscriptionTable::bytes() const {
  std::size_t bytes = sizeof *this - sizeof exact_ + exact_.bytes() + wildcard_.bytes();
  const auto add = [&bytes](const Filter& filter) { bytes += filter.bytes(); };
  exact_.each(add);
  for (const Filter* filter : wildcard_.all()) add(*filter);
  return bytes;
}

}  // namespace bramble
