#include <benchmark/benchmark.h>
#include <filesystem>
#include <string>
#include <vector>

#include "broker/store/database.h"
#include "core/base/check.h"

// The database: what a delivery costs that comes, one that goes, and a start. The CPU column is the one to trust: the
// time is the disk's.

namespace bramble {

namespace {

constexpr std::uint64_t kRound = 2'048;
constexpr std::uint64_t kMessages = 1'000'000;

using Parts = std::vector<std::unique_ptr<Part>>;

/// A database with one session, in the folder that BRAMBLE_BENCH_FOLDER names.
class Bench {
 public:
  Bench() {
    std::filesystem::remove(file());
    std::filesystem::remove(file() + "-wal");
    open();
    auto part = std::make_unique<Part>();
    part->sessions.emplace_back().client_id = "bench";
    part->sessions.back().id = SessionId{1};
    commit(std::move(part));
  }
  ~Bench() {
    database_.reset();
    std::filesystem::remove(file());
  }

  void open() {
    database_.reset();
    auto opened = Database::open(file());
    check(opened.has_value(), "the bench's own file");
    database_ = std::move(*opened);
  }
  void commit(std::unique_ptr<Part> part) {
    Parts parts;
    parts.push_back(std::move(part));
    check(database_->commit(parts, {}, Clocks::now()).has_value(), "the bench's disk has space");
    database_->checkpoint();
  }
  void enqueue(const std::vector<MessagePtr>& messages, std::uint64_t first) {
    auto part = std::make_unique<Part>();
    for (std::uint64_t i = first; i < std::min(first + kRound, std::uint64_t{messages.size()}); ++i) {
      part->deliveries.push_back({i + 1, SessionId{1}, messages[i], {}, mqtt::Qos::at_least_once});
    }
    commit(std::move(part));
  }
  void remove(const std::vector<MessagePtr>& messages, std::uint64_t first) {
    auto part = std::make_unique<Part>();
    for (std::uint64_t i = first; i < std::min(first + kRound, std::uint64_t{messages.size()}); ++i) {
      part->removed.push_back({i + 1, messages[i]});
    }
    commit(std::move(part));
  }
  Database& database() { return *database_; }

 private:
  static std::string file() {
    const char* folder = std::getenv("BRAMBLE_BENCH_FOLDER");
    return (std::filesystem::path(folder != nullptr ? folder : "/tmp") / "bramble-bench.db").string();
  }
  std::unique_ptr<Database> database_;
};

std::vector<MessagePtr> messages(std::uint64_t count) {
  std::vector<MessagePtr> made;
  std::string payload(200, 'x');
  for (std::uint64_t i = 0; i < count; ++i) {
    for (std::size_t at = 0; at < 8; ++at) payload[at] = static_cast<char>(i >> 8 * at);
    made.push_back(MessagePtr::make({"site/17/dev/40412/temp", {}, payload}, {mqtt::Qos::at_least_once}));
  }
  return made;
}

void each_round(std::uint64_t count, const std::function<void(std::uint64_t)>& round) {
  for (std::uint64_t first = 0; first < count; first += kRound) round(first);
}

void report(benchmark::State& state, const Database& database, std::uint64_t bytes_before) {
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()) * static_cast<std::int64_t>(kMessages));
  const auto written = static_cast<double>(database.figures().bytes_written - bytes_before);
  state.counters["bytes_each"] = written / static_cast<double>(kMessages);
}

void store_enqueue(benchmark::State& state) {
  Bench bench;
  const auto made = messages(kMessages);
  const auto before = bench.database().figures().bytes_written;
  for (auto _ : state) each_round(kMessages, [&](std::uint64_t first) { bench.enqueue(made, first); });
  report(state, bench.database(), before);
}
BENCHMARK(store_enqueue)->Iterations(1)->Unit(benchmark::kMillisecond);

void store_remove(benchmark::State& state) {
  Bench bench;
  const auto made = messages(kMessages);
  each_round(kMessages, [&](std::uint64_t first) { bench.enqueue(made, first); });
  const auto before = bench.database().figures().bytes_written;
  for (auto _ : state) each_round(kMessages, [&](std::uint64_t first) { bench.remove(made, first); });
  report(state, bench.database(), before);
}
BENCHMARK(store_remove)->Iterations(1)->Unit(benchmark::kMillisecond);

/// Keeps what it is given, as reactors do.
struct Keeper final : Database::Reader {
  void session(KeptSession) override {}
  void subscription(KeptSubscription) override {}
  void receipt(const KeptReceipt&) override {}
  void retained(std::uint32_t, MessagePtr) override {}
  void delivery(KeptDelivery delivery) override { deliveries.push_back(std::move(delivery)); }
  std::vector<KeptDelivery> deliveries;
};

void store_load(benchmark::State& state) {
  Bench bench;
  {
    const auto made = messages(kMessages);
    each_round(kMessages, [&](std::uint64_t first) { bench.enqueue(made, first); });
  }
  for (auto _ : state) {
    state.PauseTiming();
    bench.open();
    state.ResumeTiming();
    Keeper keeper;
    check(bench.database().load(keeper, Clocks::now(), {}).has_value(), "the bench's own file");
    check(keeper.deliveries.size() == kMessages, "all of them");
  }
  report(state, bench.database(), 0);
}
BENCHMARK(store_load)->Iterations(3)->Unit(benchmark::kMillisecond);

}  // namespace

}  // namespace bramble
