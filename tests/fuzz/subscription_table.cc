// Bytes as commands: two reactors add, remove, join and leave, and every match is compared with a plain list. Filters
// and topics are spelt by the bytes too, from an alphabet in which they meet.
#include "core/topic/subscription_table.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <set>
#include <string>

#include "core/base/bytes.h"
#include "core/base/check.h"
#include "core/topic/match.h"

namespace bramble {
namespace {

std::string spell(ByteReader& bytes) {
  static constexpr char kAlphabet[] = {'a', 'b', '/', '/', '+', '#', '$', 'c'};
  std::string text;
  for (unsigned left = bytes.u8() % 12u; left > 0; --left) text += kAlphabet[bytes.u8() % sizeof kAlphabet];
  return text;
}

class Run {
 public:
  explicit Run(ByteReader bytes) : bytes_(bytes) {
    quiescence_.online(ReactorId{0});
    quiescence_.online(ReactorId{1});
  }
  void run() {
    while (!bytes_.empty()) step();
  }

 private:
  void step() {
    const std::uint8_t command = bytes_.u8();
    const ReactorId here{static_cast<std::uint16_t>(command & 1)};
    const std::string text = spell(bytes_);
    if (const auto topic = TopicName::parse(text)) compare(*topic);
    const auto filter = TopicFilter::parse(text);
    if (filter && !filter->shared()) change(command >> 1 & 3, here, *filter);
    quiescence_.quiescent(here);
    quiescence_.collect(here);
  }
  void change(int command, ReactorId here, const TopicFilter& filter) {
    const auto key = std::pair(std::string(filter.filter()), here.value);
    const std::string shared = "$share/g/" + key.first;
    switch (command) {
      case 0:
        table_.add(here, filter);
        plain_.insert(key);
        break;
      case 1:
        if (plain_.erase(key)) table_.remove(here, *table_.find(filter));
        break;
      case 2:
        table_.join(here, TopicFilter::parse(shared).value(), true);
        ++members_[key];
        break;
      default:
        if (members_[key] == 0) break;
        --members_[key];
        table_.leave(here, *table_.find(filter)->groups().front(), true);
    }
  }
  void compare(TopicName topic) {
    std::set<std::string> expected;
    for (const auto& [filter, here] : plain_) {
      if (matches(filter, topic.view())) expected.insert(filter);
    }
    for (const auto& [key, count] : members_) {
      if (count > 0 && matches(key.first, topic.view())) expected.insert(key.first);
    }
    table_.match(topic, matches_);
    check(matches_.size() == expected.size(), "a match gave too many or too few");
    for (const Filter* filter : matches_) check(expected.contains(std::string(filter->text())), "a wrong match");
  }

  ByteReader bytes_;
  Quiescence quiescence_{2};
  SubscriptionTable table_{quiescence_, 2, 1};
  Matches matches_;
  std::set<std::pair<std::string, std::uint16_t>> plain_;
  std::map<std::pair<std::string, std::uint16_t>, int> members_;
};

}  // namespace
}  // namespace bramble

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  bramble::Run(bramble::ByteReader({reinterpret_cast<const char*>(data), size})).run();
  return 0;
}
