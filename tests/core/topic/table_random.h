#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <string_view>

#include "core/topic/topic.h"

namespace bramble {

/// Topics and filters of few levels from few words, so that they meet, split and vanish often. Print seed() on failure.
class TopicRandom {
 public:
  explicit TopicRandom(std::uint64_t seed) : seed_(seed), engine_(seed) {}

  std::uint64_t seed() const { return seed_; }
  std::uint32_t below(std::uint32_t bound) {
    return std::uniform_int_distribution<std::uint32_t>(0, bound - 1)(engine_);
  }
  bool one_in(std::uint32_t n) { return below(n) == 0; }

  std::string topic() {
    std::string text = word();
    for (std::uint32_t more = below(4); more > 0; --more) text += '/' + word();
    return text.empty() ? "a" : text;
  }
  std::string filter() {
    std::string text;
    for (std::uint32_t levels = 1 + below(4); levels > 0; --levels) {
      if (one_in(6)) return text + '#';
      text += one_in(3) ? "+" : word();
      if (levels > 1) text += '/';
    }
    return text.empty() ? "#" : text;
  }

 private:
  std::string word() {
    static constexpr std::string_view kWords[] = {"a", "b", "cc", "", "$s", "a-much-longer-level"};
    return std::string(kWords[below(6)]);
  }

  std::uint64_t seed_;
  std::mt19937_64 engine_;
};

inline TopicFilter filter_of(std::string_view text) { return TopicFilter::parse(text).value(); }
inline TopicName topic_of(std::string_view text) { return TopicName::parse(text).value(); }

}  // namespace bramble
