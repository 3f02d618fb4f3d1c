#include <benchmark/benchmark.h>
#include <malloc.h>

#include "core/topic/shard_subscribers.h"

#include "bench/micro/million_filters.h"

namespace bramble {
namespace {

constexpr ReactorId kHere{1};

struct Client : Recipient {};

void end_turn(MillionFilters& filters) {
  filters.quiescence().quiescent(kHere);
  filters.quiescence().quiescent(ReactorId{0});
  filters.quiescence().collect(kHere);
}

/// A filter that nobody has yet, and its removal, beside a million others.
void subscribe_new(benchmark::State& state, const std::string& end) {
  MillionFilters& filters = MillionFilters::instance();
  filters.quiescence().online(kHere);
  std::uint64_t i = 0;
  for (auto _ : state) {
    ++i;
    const std::string text = "site/" + std::to_string(i % 1'000) + "/new/" + std::to_string(i) + end;
    filters.table().remove(kHere, filters.table().add(kHere, TopicFilter::parse(text).value()));
    if (i % 64 == 0) end_turn(filters);
  }
  end_turn(filters);
  filters.quiescence().offline(kHere);
}
BENCHMARK_CAPTURE(subscribe_new, exact, "");
BENCHMARK_CAPTURE(subscribe_new, wildcard, "/+");

/// A filter that this reactor is on already: a look-up.
void subscribe_known(benchmark::State& state) {
  MillionFilters& filters = MillionFilters::instance();
  std::uint64_t i = 0;
  for (auto _ : state) {
    const std::string text = MillionFilters::topic(++i);
    benchmark::DoNotOptimize(filters.table().add(ReactorId{0}, TopicFilter::parse(text).value()));
  }
}
BENCHMARK(subscribe_known);

/// 100,000 subscribers on one filter: one comes, one goes.
void one_of_100_000(benchmark::State& state) {
  constexpr std::size_t kClients = 100'000;
  std::vector<Client> clients(kClients);
  ShardSubscribers shard;
  for (Client& client : clients) shard.add(FilterId{1}, {.recipient = &client});
  std::size_t i = 0;
  for (auto _ : state) {
    i = (i + 7'919) % kClients;
    shard.remove(FilterId{1}, &clients[i]);
    shard.add(FilterId{1}, {.recipient = &clients[i]});
  }
  state.counters["bytes/subscriber"] = static_cast<double>(shard.bytes()) / static_cast<double>(shard.size());
}
BENCHMARK(one_of_100_000);

/// What a filter with one subscriber takes in its shard, at a million of them.
void shard_entries(benchmark::State& state) {
  constexpr std::uint64_t kFilters = 1'000'000;
  Client client;
  ShardSubscribers shard;
  for (std::uint64_t id = 1; id <= kFilters; ++id) shard.add(FilterId{id}, {.recipient = &client});
  std::uint64_t i = 0;
  for (auto _ : state) {
    i = (i + 7'919) % kFilters;
    benchmark::DoNotOptimize(shard.on(FilterId{i + 1}).size());
  }
  state.counters["bytes/filter"] = static_cast<double>(shard.bytes()) / kFilters;
}
BENCHMARK(shard_entries);

}  // namespace
}  // namespace bramble
