// Any bytes as an access list: errors with a place and what to do, or a list that decides as a scan of its lines does.
// The first bytes spell who asks for what; the rest is the file.
#include "core/auth/access_list.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/bytes.h"
#include "core/base/check.h"
#include "core/topic/topic.h"
#include "tests/core/auth/plain_access.h"

namespace bramble {
namespace {

std::string spell(ByteReader& bytes) {
  static constexpr char kAlphabet[] = {'a', 'b', '/', '/', '+', '#', '$', 'c', '%', 'u', ' ', '\t'};
  std::string text;
  for (unsigned left = bytes.u8() % 12u; left > 0; --left) text += kAlphabet[bytes.u8() % sizeof kAlphabet];
  return text;
}

/// The rules of a text that parse() takes, read in the plainest way.
std::vector<testing::PlainRule> plain_rules(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r\n\v\f";
  const auto trim = [](std::string_view part, std::string_view blanks) {
    part.remove_prefix(std::min(part.find_first_not_of(blanks), part.size()));
    return part;
  };
  std::vector<testing::PlainRule> rules;
  std::optional<std::string> user;
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  for (unsigned number = 1; !text.empty(); ++number) {
    auto line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    if (line.starts_with('#')) continue;
    line = trim(line.substr(0, line.find_last_not_of(kBlanks) + 1), " ");
    if (line.empty()) continue;
    const auto kind = line.substr(0, line.find(' '));
    const auto rest = trim(line.substr(kind.size()), kBlanks);
    if (kind == "user") {
      user = rest;
      continue;
    }
    testing::PlainRule rule{user, kind == "pattern", "", std::string(rest), number};
    if (const auto space = rest.find(' '); space != std::string_view::npos) {
      rule.word = rest.substr(0, space);
      rule.filter = trim(rest.substr(space), kBlanks);
    }
    rules.push_back(rule);
  }
  return rules;
}

void ask(const AccessList& list, const std::vector<testing::PlainRule>& plain, ByteReader bytes) {
  const std::string name = spell(bytes);
  const std::string client_id = spell(bytes);
  const std::string topic = spell(bytes);
  const auto user = bytes.u8() % 4 == 0 ? std::nullopt : std::optional(name);
  const auto rights = list.rights_of(user, client_id);
  for (const auto access : {Access::read, Access::write}) {
    const auto decision = rights->decide(access, topic);
    const auto expected = testing::plain_decide(plain, user, client_id, access, topic);
    check(decision.allowed == expected.allowed, "it decides as a scan does");
    check((decision.rule ? decision.rule->line : 0) == expected.line, "it names the first rule");
    static_cast<void>(rights->withheld(access, topic));
  }
  if (!TopicFilter::parse(topic)) return;
  const auto reading = rights->reading(topic);
  const bool is_topic = topic.find_first_of("+#") == std::string::npos;
  if (!is_topic) return;
  const bool allowed = rights->decide(Access::read, topic).allowed;
  check(!reading.all || allowed, "all_readable is sure");
  check(!allowed || !reading.allows.empty(), "a rule that allows is named");
}

}  // namespace
}  // namespace bramble

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace bramble;
  constexpr std::size_t kAsked = 40;
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  const std::string asked = bytes.substr(0, kAsked) + std::string(kAsked - std::min(kAsked, size), '\0');
  const std::string text = size > kAsked ? bytes.substr(kAsked) : std::string();
  const auto list = AccessList::parse(text, "fuzz");
  if (!list) {
    check(list.error().starts_with("fuzz:"), "an error says where");
    return 0;
  }
  ask(**list, plain_rules(text), ByteReader(asked));
  return 0;
}
