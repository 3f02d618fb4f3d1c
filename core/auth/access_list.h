#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/auth/access_rule.h"
#include "core/auth/rights.h"
#include "core/base/result.h"

namespace bramble {

/// Who may read and write which topics: the file that `acl_file` names, in Mosquitto's language. A line is one of
///
///     user NAME                                        the `topic` lines below are for this user
///     topic [read|write|readwrite|deny] FILTER         before any `user`: for clients without a user name, only
///     pattern [read|write|readwrite|deny] FILTER       for everyone; %c is the client id, %u the user name
///
/// or begins with '#', or is empty. No access word means readwrite; a filter with blanks needs the word. A user may
/// come more than once; his rules add up. What no rule allows is denied. How rules decide together: Rights.
///
/// Immutable: a reload parses another, and rights of the old one stay good for as long as somebody holds them.
/// Threads: any.  Memory: the text, 350 bytes a rule, and 250 more a user. The caller bounds the size of the text.
class AccessList : public std::enable_shared_from_this<AccessList> {
 public:
  /// All that is wrong with it (up to 10 lines of `FILE:LINE: what is wrong and what to do`), or the list: a file that
  /// is wrong anywhere counts nowhere. An error is any line that Mosquitto refuses, a filter that no topic can ever
  /// match because it is not UTF-8, and what surely means something else than it says: `topic deny<TAB>secret`.
  static OrMessage<std::shared_ptr<const AccessList>> parse(std::string_view text, std::string_view file_name);

  /// What this client may do. An empty user name is none. Clients without a pattern of their own share one object.
  std::shared_ptr<const Rights> rights_of(std::optional<std::string_view> user, std::string_view client_id) const;

  const std::string& file_name() const { return file_name_; }
  bool says_the_same(const AccessList& other) const { return text_ == other.text_; }
  std::size_t rule_count() const { return rules_.size(); }
  std::string where(const Rule& rule) const { return file_name_ + ":" + std::to_string(rule.line); }  ///< for logs

  AccessList(const AccessList&) = delete;

 private:
  class Parser;
  /// Of one user, and the rights of it that have no names in them.
  struct User {
    std::unique_ptr<Rights::Section> section;  // none: for those of whom the file says nothing
    std::unique_ptr<const Rights> shared;
    std::unique_ptr<const Rights> without_patterns;
  };

  AccessList(std::string_view text, std::string_view file_name) : file_name_(file_name), text_(text) {}
  void share(User& user) const;

  std::string file_name_;
  std::string text_;        // rules and names of users point into it
  std::deque<Rule> rules_;  // in the order of the file
  Rights::Patterns patterns_;
  std::map<std::string_view, User> users_;
  User anonymous_;
  User stranger_;  // a user that has no rules
};

}  // namespace bramble
