#include <benchmark/benchmark.h>

#include "bench/micro/million_filters.h"

namespace bramble {
namespace {

std::vector<std::string> topics(std::int64_t count) {
  std::vector<std::string> made;
  for (std::int64_t i = 0; i < count; ++i) made.push_back(MillionFilters::topic(static_cast<std::uint64_t>(i)));
  return made;
}

/// One match among a million filters; the argument is how many topics take turns: 9,000 fit the caches, 1,000,000 do
/// not.
void match(benchmark::State& state) {
  MillionFilters& filters = MillionFilters::instance();
  const std::vector<std::string> names = topics(state.range(0));
  Matches matches;
  std::size_t i = 0;
  std::size_t found = 0;
  for (auto _ : state) {
    filters.table().match(TopicName::parse(names[i]).value(), matches);
    for (const Filter* filter : matches) found += filter->reactors();
    if (++i == names.size()) i = 0;
  }
  const auto each = static_cast<double>(state.iterations());
  state.counters["matches"] = static_cast<double>(found) / each;
  const auto count = static_cast<double>(filters.table().filters());
  state.counters["bytes/filter"] = static_cast<double>(filters.heap_bytes()) / count;
  state.counters["table_bytes/filter"] = static_cast<double>(filters.table().bytes()) / count;
}
BENCHMARK(match)->Arg(9'000)->Arg(1'000'000);

/// One topic again and again: what the kinds of match cost when all is in the cache.
void match_one_topic(benchmark::State& state, const char* topic, std::size_t matching) {
  MillionFilters& filters = MillionFilters::instance();
  const std::string text(topic);
  Matches matches;
  for (auto _ : state) {
    std::string_view name = text;
    benchmark::DoNotOptimize(name);
    filters.table().match(TopicName::parse(name).value(), matches);
  }
  if (matches.size() != matching) state.SkipWithError("not the filters that it should match");
}
BENCHMARK_CAPTURE(match_one_topic, nothing, "garage/17/door", 0);
BENCHMARK_CAPTURE(match_one_topic, nothing_but_the_tree_is_walked, "site/x/dev/12345/temperature", 0);
BENCHMARK_CAPTURE(match_one_topic, a_wildcard, "site/17/other", 1);
BENCHMARK_CAPTURE(match_one_topic, an_exact_and_wildcards, "site/17/dev/451/temp", 4);

/// Where no filter has a wildcard the tree is not even looked at.
void match_exact_alone(benchmark::State& state, const char* topic) {
  constexpr ReactorId kHere{0};
  Quiescence quiescence{1};
  SubscriptionTable table{quiescence, 1, 42};
  quiescence.online(kHere);
  for (int i = 0; i < 10'000; ++i) {
    table.add(kHere, TopicFilter::parse("site/" + std::to_string(i) + "/temp").value());
  }
  const std::string text(topic);
  Matches matches;
  for (auto _ : state) {
    std::string_view name = text;
    benchmark::DoNotOptimize(name);
    table.match(TopicName::parse(name).value(), matches);
    benchmark::DoNotOptimize(matches.size());
  }
}
BENCHMARK_CAPTURE(match_exact_alone, found, "site/4711/temp");
BENCHMARK_CAPTURE(match_exact_alone, missed, "site/4711/door");

/// What a connection's remembered topic costs when it is still current.
void still_current(benchmark::State& state) {
  MillionFilters& filters = MillionFilters::instance();
  const auto seen = filters.table().versions(TopicName::parse("site/1/dev/2/temp").value());
  for (auto _ : state) benchmark::DoNotOptimize(filters.table().current(seen));
}
BENCHMARK(still_current);

}  // namespace
}  // namespace bramble
