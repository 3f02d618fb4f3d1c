#include "tools/bench/output/strain.h"

#include <doctest/doctest.h>
#include <string>

using namespace bramble::bench;

namespace {

constexpr std::size_t kFilesMax = 1'024;
constexpr unsigned kCores = 4;

std::vector<std::string> warnings(const Strain& strain, Report report = {}, const Options& options = {}) {
  warn_of_strain(report, options, strain, kFilesMax, kCores);
  return report.warnings();
}

bool says(const std::vector<std::string>& warnings, std::string_view what) {
  return warnings.size() == 1 && warnings[0].find(what) != std::string::npos;
}

Report open_loop(double published, double late, double overdue) {
  Report report;
  report.number("published", "", published);
  report.number("late", "", late);
  report.number("overdue", "", overdue);
  return report;
}

}  // namespace

TEST_CASE("a generator with room to spare warns of nothing") {
  CHECK(warnings({.busiest_thread = 0.6, .machine_busy = 0.5, .open_files = 100}).empty());
}

TEST_CASE("a generator whose thread is at its limit names it, and more threads or machines as the cure") {
  const Strain strain{.busiest_thread = 0.97, .machine_busy = 0.5};
  CHECK(says(warnings(strain), "used 97 % of a CPU"));
  CHECK(says(warnings(strain), "--threads 2"));
  Options options;
  options.threads = kCores;
  CHECK(says(warnings(strain, {}, options), "use more machines"));
}

TEST_CASE("a machine whose CPUs are all busy is named when the generator is not its own limit") {
  CHECK(says(warnings({.busiest_thread = 0.5, .machine_busy = 0.99}), "taskset"));
}

TEST_CASE("running near the limit of descriptors names the limit and the cure") {
  CHECK(says(warnings({.open_files = 1'000}), "1000 were open of 1024; raise it (ulimit -Hn"));
}

TEST_CASE("an open loop that could not keep its rate says how many were late, and whose fault it was") {
  CHECK(warnings({}, open_loop(10'000, 50, 0)).empty());
  CHECK(says(warnings({}, open_loop(10'000, 500, 0)), "5 % of the messages left more than 1 ms after their time"));
  CHECK(says(warnings({}, open_loop(10'000, 500, 0)), "the broker or the network took them too slowly"));
  CHECK(says(warnings({}, open_loop(5'000, 0, 5'000)),
             "50 % of the messages left more than 1 ms after their time, or never"));
  CHECK(warnings({.busiest_thread = 0.95}, open_loop(10'000, 500, 0)).back().find("the generator was too slow") !=
        std::string::npos);
}

TEST_CASE("strain is the median of the seconds that are measured, and the most files open at once") {
  const Strain strain = strain_of({{.phase = "warm up", .busiest_thread = 1, .open_files = 9},
                                   {.phase = "measure", .busiest_thread = 0.2, .open_files = 7},
                                   {.phase = "measure", .busiest_thread = 0.4},
                                   {.phase = "measure", .busiest_thread = 0.9}});
  CHECK(strain.busiest_thread == 0.4);
  CHECK(strain.open_files == 9);
  CHECK(strain_of({}).busiest_thread == 0);
  CHECK(strain_of({{.phase = "connect", .busiest_thread = 0.9}, {.phase = "hold"}, {.phase = "hold"}}).busiest_thread ==
        0.9);
}
