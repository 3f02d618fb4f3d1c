#include "tools/bench/output/figures.h"

#include <array>

namespace bramble::bench {

namespace {

struct Row {
  std::string_view key;
  Figure figure;
};

using enum Better;
using enum Merged;

constexpr auto kFigures = std::to_array<Row>({
    // What was asked for.
    {"clients", {neither, sum}},
    {"pubs", {neither, sum}},
    {"subs", {neither, sum}},
    {"threads", {neither, sum}},
    {"rate", {neither, sum}},
    // What came of it.
    {"secs", {neither, most}},
    {"connected", {higher, sum}},
    {"received", {neither, sum}},
    {"published", {neither, sum}},
    {"delivered", {neither, sum}},
    {"lost", {lower, sum}},
    {"dup", {lower, sum}},
    {"ooo", {lower, sum}},
    {"overdue", {lower, sum}},
    {"late", {lower, sum}},
    // What it cost. What the generator needs is no virtue of the broker.
    {"setup_s", {lower, most}},
    {"cpu_per_M", {lower, mean}},
    {"broker_cores", {neither, sum}},
    {"idle_cores", {lower, sum}},
    {"gen_cpu_per_M", {neither, mean}},
    {"gen_cores", {neither, sum}},
    {"gen_thread_busy", {neither, most}},
    {"load1", {neither, most}},
});

constexpr auto kUnits = std::to_array<Row>({
    {"_per_s", {higher, sum}},
    {"_per_M", {lower, mean}},
    {"_us", {lower, most}},
    {"_ms", {lower, most}},
    {"_s", {lower, most}},
    {"_b", {lower, mean}},
    {"_mb", {lower, most}},
});

}  // namespace

Figure figure_of(std::string_view key) {
  for (const auto& row : kFigures) {
    if (row.key == key) return row.figure;
  }
  if (key.find("cpu_") != std::string_view::npos) return {lower, mean};
  for (const auto& row : kUnits) {
    if (key.ends_with(row.key)) return row.figure;
  }
  return {};
}

}  // namespace bramble::bench
