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

/// What a connection's remembered topic costs when it is still current.
void still_current(benchmark::State& state) {
  MillionFilters& filters = MillionFilters::instance();
  const auto seen = filters.table().versions(TopicName::parse("site/1/dev/2/temp").value());
  for (auto _ : state) benchmark::DoNotOptimize(filters.table().current(seen));
}
BENCHMARK(still_current);

}  // namespace
}  // namespace bramble
