#include "core/auth/rights.h"

#include <algorithm>

#include "core/topic/match.h"
#include "core/topic/overlap.h"

namespace bramble {
namespace {

bool has_slash(std::string_view name) { return name.find('/') != std::string_view::npos; }

/// Is there a '/' in a name that this rule puts into its filter?
bool splits_levels(const Rule& rule, const Names& names) {
  return (rule.has_client_id && has_slash(names.client_id)) || (rule.has_user && names.user && has_slash(*names.user));
}

/// An allow that does not count for a client with such names.
bool widened(const Rule& rule, const Names& names, std::string_view spelt) {
  return splits_levels(rule, names) || (spelt.starts_with('$') && !rule.filter.starts_with('$'));
}

const Rule* earlier(const Rule* one, const Rule* other) {
  if (!one || !other) return one ? one : other;
  return other->line < one->line ? other : one;
}

}  // namespace

Rights::Rights(const Section* section, const Patterns& patterns, bool patterns_count, const Names& names)
    : section_(section), patterns_(&patterns), patterns_count_(patterns_count) {
  if (!patterns_count) return;
  if (patterns.has_user && names.user) {
    has_user_ = true;
    names_ = *names.user;
    user_size_ = static_cast<std::uint32_t>(names.user->size());
  }
  if (patterns.has_client_id) names_ += names.client_id;
  if (!has_slash(names_)) return;
  for (const Rule* rule : patterns.rules) {
    if (!rule->denies() || !splits_levels(*rule, this->names())) continue;
    if (auto spelt = filter_of(*rule)) spelt_denies_.push_back({rule, std::move(*spelt)});
  }
}

Names Rights::names() const {
  const std::string_view both = names_;
  Names names{.user = std::nullopt, .client_id = both.substr(user_size_)};
  if (has_user_) names.user = both.substr(0, user_size_);
  return names;
}

Decision Rights::decide(Access access, std::string_view topic) const {
  if (section_) {
    const auto own = section_->trie.find(access, topic, Names{});
    if (own.deny) return {false, own.deny};
    if (own.allow) return {true, own.allow};
  }
  if (!patterns_count_) return {};
  auto found = patterns_->trie.find(access, topic, names());
  for (const SpeltDeny& deny : spelt_denies_) {
    if (matches(deny.filter, topic)) found.deny = earlier(found.deny, deny.rule);
  }
  if (found.deny) return {false, found.deny};
  return {found.allow != nullptr, found.allow};
}

/// The rule's filter for this client; nothing if the rule does not count for it.
std::optional<std::string> Rights::filter_of(const Rule& rule) const {
  auto spelt = spelt_out(rule, names());
  if (spelt && !rule.denies() && rule.has_names() && widened(rule, names(), *spelt)) return std::nullopt;
  return spelt;
}

bool Rights::denied_by(const std::vector<const Rule*>& rules, std::string_view filter) const {
  return std::ranges::any_of(rules, [&](const Rule* rule) {
    if (!rule->denies()) return false;
    if (!rule->has_names()) return overlap(rule->filter, filter);
    const auto spelt = filter_of(*rule);
    return spelt && overlap(*spelt, filter);
  });
}

bool Rights::allowed_by(const std::vector<const Rule*>& rules, std::string_view filter) const {
  return std::ranges::any_of(rules, [&](const Rule* rule) {
    if (!rule->allows(Access::read)) return false;
    if (!rule->has_names()) return covers(rule->filter, filter);
    const auto spelt = filter_of(*rule);
    return spelt && covers(*spelt, filter);
  });
}

bool Rights::all_readable(std::string_view filter) const {
  if (section_) {
    if (denied_by(section_->rules, filter)) return false;
    if (allowed_by(section_->rules, filter)) return true;
  }
  return patterns_count_ && allowed_by(patterns_->rules, filter) && !denied_by(patterns_->rules, filter);
}

Rights::Reading Rights::reading(std::string_view filter) const {
  Reading reading{.all = all_readable(filter), .allows = {}, .denies = {}};
  std::vector<std::string> denied;  // what the denies that come before an allow match
  const auto add = [&](const std::vector<const Rule*>& rules) {
    for (const Rule* rule : rules) {
      if (!rule->denies()) continue;
      auto spelt = filter_of(*rule);
      if (!spelt || !overlap(*spelt, filter)) continue;
      reading.denies.push_back(rule);
      denied.push_back(std::move(*spelt));
    }
    for (const Rule* rule : rules) {
      if (!rule->allows(Access::read)) continue;
      const auto spelt = filter_of(*rule);
      if (!spelt || !overlap(*spelt, filter)) continue;
      const auto takes_all = [&](const std::string& deny) { return covers(deny, *spelt) || covers(deny, filter); };
      if (std::ranges::none_of(denied, takes_all)) reading.allows.push_back(rule);
    }
  };
  if (section_) add(section_->rules);
  if (patterns_count_) add(patterns_->rules);
  return reading;
}

const Rule* Rights::withheld(Access access, std::string_view topic) const {
  if (!patterns_count_) return nullptr;
  for (const Rule* rule : patterns_->rules) {
    if (!rule->allows(access) || !rule->has_names()) continue;
    const auto spelt = spelt_out(*rule, names());
    if (spelt && matches(*spelt, topic) && widened(*rule, names(), *spelt)) return rule;
  }
  return nullptr;
}

bool Rights::operator==(const Rights& other) const {
  return section_ == other.section_ && patterns_ == other.patterns_ && patterns_count_ == other.patterns_count_ &&
         has_user_ == other.has_user_ && user_size_ == other.user_size_ && names_ == other.names_;
}

std::uint64_t Rights::hash() const {
  const std::uint64_t seed = reinterpret_cast<std::uintptr_t>(section_) ^ reinterpret_cast<std::uintptr_t>(patterns_);
  return SeededHash(seed + user_size_ * 2 + (patterns_count_ ? 1 : 0))(names_);
}

}  // namespace bramble
