#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/auth/access_rule.h"
#include "core/topic/match.h"

namespace bramble::testing {

/// An access list as a plain vector, and the rules of rights.h word for word: what tests and the fuzzer trust.
struct PlainRule {
  std::optional<std::string> user;  // of a `topic` line; none: clients without a user name
  bool pattern = false;
  std::string word;  // empty: not written
  std::string filter;
  unsigned line = 0;

  bool denies() const { return word == "deny"; }
  bool allows(Access access) const {
    if (word.empty() || word == "readwrite") return true;
    return word == (access == Access::read ? "read" : "write");
  }
};

struct PlainDecision {
  bool allowed = false;
  unsigned line = 0;  // of the rule; 0: none
};

inline bool holds(std::string_view text, std::string_view any_of) {
  return text.find_first_of(any_of) != std::string_view::npos;
}

/// `filter` with its names in place; nothing if the rule says nothing of this client.
inline std::optional<std::string> plain_filter(const PlainRule& rule, const std::optional<std::string>& user,
                                               const std::string& client_id) {
  if (!rule.pattern) return rule.filter;
  std::string spelt;
  bool slash = false;
  for (std::size_t i = 0; i < rule.filter.size(); ++i) {
    const std::string two = rule.filter.substr(i, 2);
    if (two != "%c" && two != "%u") {
      spelt += rule.filter[i];
      continue;
    }
    const std::string name = two == "%c" ? client_id : user.value_or("");
    if (name.empty()) return std::nullopt;
    slash = slash || holds(name, "/");
    spelt += name;
    ++i;
  }
  const bool dollar = spelt.starts_with('$') && rule.filter.front() != '$';
  if (!rule.denies() && (slash || dollar)) return std::nullopt;
  return spelt;
}

inline PlainDecision plain_decide(const std::vector<PlainRule>& rules, std::optional<std::string> user,
                                  const std::string& client_id, Access access, std::string_view topic) {
  if (user && user->empty()) user.reset();
  const bool wildcards = holds(client_id, "+#") || holds(user.value_or(""), "+#");
  for (const bool patterns : {false, true}) {
    if (patterns && wildcards) break;
    for (const bool denies : {true, false}) {
      for (const PlainRule& rule : rules) {
        if (rule.pattern != patterns || rule.denies() != denies || (!denies && !rule.allows(access))) continue;
        if (!patterns && rule.user != user) continue;
        const auto filter = plain_filter(rule, user, client_id);
        if (filter && matches(*filter, topic)) return {!denies, rule.line};
      }
    }
  }
  return {};
}

}  // namespace bramble::testing
