#include "core/auth/access_list.h"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "core/mqtt/types.h"
#include "core/mqtt/utf8.h"
#include "core/topic/topic.h"

namespace bramble {
namespace {

constexpr std::string_view kBlanks = " \t\r\n\v\f";
constexpr std::size_t kErrorsShown = 10;
constexpr std::string_view kTab = "has a tab between its words: write a space";

struct Word {
  std::string_view name;
  std::uint8_t accesses;
};
constexpr std::uint8_t kRead = static_cast<std::uint8_t>(Access::read);
constexpr std::uint8_t kWrite = static_cast<std::uint8_t>(Access::write);
constexpr auto kWords =
    std::to_array<Word>({{"read", kRead}, {"write", kWrite}, {"readwrite", kRead | kWrite}, {"deny", 0}});

const Word* access_word(std::string_view text) {
  for (const Word& word : kWords) {
    if (word.name == text) return &word;
  }
  return nullptr;
}

std::string_view without_blanks_behind(std::string_view text) {
  return text.substr(0, text.find_last_not_of(kBlanks) + 1);
}
std::string_view without_blanks_before(std::string_view text) {
  return text.substr(std::min(text.find_first_not_of(kBlanks), text.size()));
}

/// Takes the word up to the next space off the front, and the spaces behind it.
std::string_view take_word(std::string_view& text) {
  const auto word = text.substr(0, text.find(' '));
  text.remove_prefix(std::min(text.find_first_not_of(' ', word.size()), text.size()));
  return word;
}

/// For messages: not longer than a line, and without the bytes that a terminal would obey.
std::string quoted(std::string_view text) {
  constexpr std::size_t kMost = 60;
  std::string shown = "\"";
  for (const char c : text.substr(0, kMost)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7F) {
      shown += byte == '\t' ? "<TAB>" : "?";
    } else {
      shown += c;
    }
  }
  return shown + (text.size() > kMost ? "...\"" : "\"");
}

/// What is wrong with a filter of a rule; empty: nothing. "$share/" means nothing special here: rules are about topics.
std::string wrong_filter(std::string_view filter) {
  constexpr std::string_view kAnyShare = "$share/-/";
  if (filter.size() > mqtt::kTopicBytesMax - kAnyShare.size())
    return "a filter of more than 65,500 bytes: no topic is so long";
  if (!mqtt::valid_utf8(filter)) return "the filter is not UTF-8, so no topic matches it: save the file as UTF-8";
  if (TopicFilter::parse(std::string(kAnyShare).append(filter))) return {};
  if (std::ranges::count(filter, '/') > kTopicSlashesMax - 2)
    return "a filter of more than 199 levels: no topic has so many";
  return quoted(filter) + " is not a filter: '+' and '#' stand alone between slashes, and '#' only at the end";
}

bool holds_wildcard(std::string_view name) { return name.find_first_of("+#") != std::string_view::npos; }

}  // namespace

class AccessList::Parser {
 public:
  explicit Parser(AccessList& list) : list_(list) {}

  void read() {
    std::string_view left = list_.text_;
    if (left.starts_with("\xEF\xBB\xBF")) left.remove_prefix(3);
    while (!left.empty()) {
      const auto line = left.substr(0, left.find('\n'));
      left.remove_prefix(std::min(line.size() + 1, left.size()));
      ++line_;
      if (!line.starts_with('#')) read_line(without_blanks_behind(line));
    }
  }
  const std::vector<std::string>& errors() const { return errors_; }

 private:
  void read_line(std::string_view line) {
    if (line.empty()) return;
    if (line.find('\0') != std::string_view::npos) return add_error("holds a zero byte: take it out");
    auto rest = line.substr(std::min(line.find_first_not_of(' '), line.size()));
    if (rest.starts_with('#'))
      return add_error("has a blank before the '#': a comment begins at the start of its line");
    const auto word = take_word(rest);
    if (word == "user") return read_user(rest);
    if (word == "topic") return read_rule(rest, false);
    if (word == "pattern") return read_rule(rest, true);
    if (word.find('\t') != std::string_view::npos) return add_error(kTab);
    add_error(quoted(word) + " is not known here: a line begins with user, topic, pattern or #");
  }
  void read_user(std::string_view rest) {
    const auto name = without_blanks_before(rest);
    if (name.empty()) return add_error("needs the name of a user behind `user`");
    if (!mqtt::valid_utf8(name))
      return add_error("the name is not UTF-8, so nobody can have it: save the file as UTF-8");
    if (name.size() > mqtt::kTopicBytesMax) return add_error("a name of more than 65,535 bytes: nobody can have it");
    user_ = &list_.users_[name];
  }
  void read_rule(std::string_view rest, bool pattern) {
    if (rest.empty()) return add_error("needs a topic filter at its end");
    if (kBlanks.find(rest.front()) != std::string_view::npos) return add_error(kTab);
    Rule rule{.filter = rest, .line = line_, .accesses = kRead | kWrite, .pattern = pattern};
    auto filter = rest;
    const auto word = take_word(filter);
    filter = without_blanks_before(filter);
    if (!filter.empty()) {  // else the only word is the filter, whatever it is
      const Word* access = access_word(word);
      if (!access) return add_error(not_an_access(word, rest));
      rule.accesses = access->accesses;
      rule.filter = filter;
    }
    if (const auto doubt = ambiguous(rule.filter); !doubt.empty()) return add_error(doubt);
    if (const auto wrong = wrong_filter(rule.filter); !wrong.empty()) return add_error(wrong);
    add(rule);
  }
  static std::string not_an_access(std::string_view word, std::string_view rest) {
    return quoted(word) + " is not read, write, readwrite or deny. If " + quoted(rest) +
           " is the filter, blanks and all, write `readwrite` before it";
  }
  /// `topic deny<TAB>a` would allow the topic "deny<TAB>a", and `topic deny read a` deny one named "read a".
  static std::string ambiguous(std::string_view filter) {
    const auto word = filter.substr(0, filter.find_first_of(kBlanks));
    if (word.size() == filter.size() || !access_word(word)) return {};
    if (filter[word.size()] != ' ') return std::string(kTab);
    return "has two access words: one only, and deny takes both reading and writing";
  }
  void add(Rule rule) {
    if (!rule.pattern) {
      User& user = user_ ? *user_ : list_.anonymous_;
      if (!user.section) user.section = std::make_unique<Rights::Section>();
      list_.rules_.push_back(rule);
      user.section->rules.push_back(&list_.rules_.back());
      return user.section->trie.add(list_.rules_.back());
    }
    rule.has_client_id = rule.filter.find("%c") != std::string_view::npos;
    rule.has_user = rule.filter.find("%u") != std::string_view::npos;
    list_.rules_.push_back(rule);
    Rights::Patterns& patterns = list_.patterns_;
    patterns.rules.push_back(&list_.rules_.back());
    patterns.trie.add(list_.rules_.back());
    patterns.has_client_id |= rule.has_client_id;
    patterns.has_user |= rule.has_user;
  }
  void add_error(std::string_view what) {
    errors_.push_back(list_.file_name_ + ":" + std::to_string(line_) + ": " + std::string(what));
  }

  AccessList& list_;
  User* user_ = nullptr;  // whose `topic` lines these are
  std::uint32_t line_ = 0;
  std::vector<std::string> errors_;
};

OrMessage<std::shared_ptr<const AccessList>> AccessList::parse(std::string_view text, std::string_view file_name) {
  const std::shared_ptr<AccessList> list(new AccessList(text, file_name));
  Parser parser(*list);
  parser.read();
  if (const auto& errors = parser.errors(); !errors.empty()) {
    std::string all;
    for (std::size_t i = 0; i < std::min(errors.size(), kErrorsShown); ++i) all += (i == 0 ? "" : "\n") + errors[i];
    if (errors.size() > kErrorsShown) all += "\n... and " + std::to_string(errors.size() - kErrorsShown) + " more";
    return tl::unexpected<std::string>(std::move(all));
  }
  for (auto& [name, user] : list->users_) list->share(user);
  list->share(list->anonymous_);
  list->share(list->stranger_);
  return list;
}

void AccessList::share(User& user) const {
  user.shared.reset(new Rights(user.section.get(), patterns_, true, Names{}));
  user.without_patterns.reset(new Rights(user.section.get(), patterns_, false, Names{}));
}

std::shared_ptr<const Rights> AccessList::rights_of(std::optional<std::string_view> user,
                                                    std::string_view client_id) const {
  const Names names{.user = user && !user->empty() ? user : std::nullopt, .client_id = client_id};
  const User* known = &anonymous_;
  if (names.user) {
    const auto found = users_.find(*names.user);
    known = found == users_.end() ? &stranger_ : &found->second;
  }
  // The rights live as long as the list does, which the pointer keeps.
  const auto part_of_list = [this](const Rights& rights) {
    return std::shared_ptr<const Rights>(shared_from_this(), &rights);
  };
  const bool wildcards = holds_wildcard(client_id) || (names.user && holds_wildcard(*names.user));
  if (wildcards && !patterns_.rules.empty()) return part_of_list(*known->without_patterns);
  if (!patterns_.has_client_id && !(patterns_.has_user && names.user)) return part_of_list(*known->shared);
  struct Own {
    std::shared_ptr<const AccessList> list;
    Rights rights;
  };
  const std::shared_ptr<Own> own(new Own{shared_from_this(), Rights(known->section.get(), patterns_, true, names)});
  return {own, &own->rights};
}

}  // namespace bramble
