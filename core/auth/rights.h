#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/auth/access_rule.h"
#include "core/auth/rule_trie.h"

namespace bramble {

/// The answer, and the line of the file that gave it. No rule: nothing allows it, and that is a no.
struct Decision {
  bool allowed = false;
  const Rule* rule = nullptr;
};

/// What an AccessList says of one client. The first of these that matches decides: a deny of the user's own rules, an
/// allow of them, a deny of a pattern, an allow of a pattern; nothing: denied. So a pattern never takes away what the
/// user's own rules give, and the order of the lines means nothing.
///
/// Names do not widen patterns. A client whose user name or client id has a '+' or '#' gets nothing from any pattern.
/// With a '/' in a name, or a '$' at the start of one that would begin the filter, a pattern with that name in it
/// allows nothing, and denies as it is spelt.
///
/// Got from AccessList::rights_of(), which keeps the list alive. Immutable.  Threads: any.
/// Memory: none of its own if no pattern has the client's names in it, else 144 bytes.
class Rights {
 public:
  Rights(const Rights&) = delete;

  /// `topic` is a Topic Name; other bytes do no harm.  Cost: two look-ups in a RuleTrie; 130 to 170 ns; allocates
  /// nothing.
  Decision decide(Access access, std::string_view topic) const;

  /// Every topic that `filter` (without a share name) matches may be read, so deliveries need not ask. May say no where
  /// only many rules together allow all.  Cost: O(the user's rules and patterns), 2 us for 200, so once for each
  /// SUBSCRIBE.
  bool all_readable(std::string_view filter) const;

  /// For explaining a subscription: which rules have a say in what `filter` delivers.
  struct Reading {
    bool all = false;                 ///< all_readable()
    std::vector<const Rule*> allows;  ///< each gives topics that no deny takes away as a whole; none: nothing arrives
    std::vector<const Rule*> denies;  ///< each takes some away
  };
  Reading reading(std::string_view filter) const;

  /// For the log, when decide() found no rule: the first pattern that would allow this if the client's names had no
  /// '/', or no '$' in front. nullptr: none.  Cost: O(patterns).
  const Rule* withheld(Access access, std::string_view topic) const;
  /// For the log: the list has patterns, but a name has a '+' or '#', so none counts.
  bool patterns_withheld() const { return !patterns_count_; }

  /// Equal rights decide all alike: one access class.
  bool operator==(const Rights& other) const;
  std::uint64_t hash() const;

 private:
  friend class AccessList;
  struct Section;
  struct Patterns;
  struct SpeltDeny {
    const Rule* rule;
    std::string filter;
  };

  Rights(const Section* section, const Patterns& patterns, bool patterns_count, const Names& names);
  Names names() const;
  std::optional<std::string> filter_of(const Rule& rule) const;
  bool denied_by(const std::vector<const Rule*>& rules, std::string_view filter) const;
  bool allowed_by(const std::vector<const Rule*>& rules, std::string_view filter) const;

  const Section* section_;  // nullptr: the file has no rules for this user
  const Patterns* patterns_;
  std::string names_;  // the user name and the client id, each only if a pattern has it
  std::uint32_t user_size_ = 0;
  bool has_user_ = false;
  bool patterns_count_;
  std::vector<SpeltDeny> spelt_denies_;  // of names with '/', which do not fit the levels of a trie
};

/// The rules of one user, or of clients without one.
struct Rights::Section {
  std::vector<const Rule*> rules;
  RuleTrie trie;
};

struct Rights::Patterns {
  std::vector<const Rule*> rules;
  RuleTrie trie;
  bool has_client_id = false;  // some rule has %c
  bool has_user = false;
};

}  // namespace bramble
