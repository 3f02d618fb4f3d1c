#include "tools/bench/output/terminal.h"

#include <algorithm>
#include <doctest/doctest.h>
#include <sstream>
#include <vector>

using namespace bramble::bench;

namespace {

struct Scene {
  Counts counts{.in = 3'000, .out = 2'900, .connected = 40, .missing = 2, .duplicates = 1};
  Scene() { counts.latency.record(std::chrono::microseconds(100)); }

  std::vector<Second> seconds{
      {.at = 1, .phase = "warm up", .in_per_s = 100, .out_per_s = 100},
      {.at = 2, .phase = "measure", .in_per_s = 1'000, .out_per_s = 1'000, .p50_us = 100, .p99_us = 2'500},
      {.at = 3, .phase = "measure", .in_per_s = 2'000, .out_per_s = 2'000, .p50_us = 100, .p99_us = 2'500},
  };

  std::vector<std::string> lines(const Screen& screen, std::optional<double> remaining = 9.0) const {
    const std::string view = render_live(
        "pairs on here",
        {.phase = "measure", .elapsed = 3, .remaining = remaining, .counts = counts, .seconds = seconds}, screen);
    std::istringstream in(view);
    std::vector<std::string> all;
    for (std::string line; std::getline(in, line);) all.push_back(line);
    return all;
  }
};

bool has(const std::vector<std::string>& lines, std::string_view what) {
  return std::any_of(lines.begin(), lines.end(),
                     [what](const auto& line) { return line.find(what) != std::string::npos; });
}

std::size_t characters(const std::string& line) {
  return static_cast<std::size_t>(
      std::count_if(line.begin(), line.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

}  // namespace

TEST_CASE("the live view shows time, rates now and on average, latency, clients and what is missing") {
  const auto lines = Scene().lines({.columns = 100, .unicode = false});
  CHECK(lines[0] == "pairs on here");
  CHECK(has(lines, "########......................  00:03, 00:09 left"));  // a quarter of 30, rounded
  CHECK(has(lines, "2.00k/s   mean    1.50k/s"));                          // of the seconds that are measured
  CHECK(has(lines, "p50    0.100 ms   p99    2.500 ms"));
  CHECK(has(lines, "missing 2, doubled 1, out of order 0"));
  CHECK_FALSE(has(lines, "MiB"));  // the broker's process is not known
}

TEST_CASE("the live view shows the broker's CPU and memory when its process is known") {
  Scene scene;
  scene.seconds.back().broker_cores = 1.25;
  scene.seconds.back().broker_mb = 12.5;
  CHECK(has(scene.lines({}), "1.25 cores     12.5 MiB"));
}

TEST_CASE("the live view has no bar when nobody knows how long it takes") {
  CHECK_FALSE(has(Scene().lines({.columns = 100, .unicode = false}, std::nullopt), "left"));
}

TEST_CASE("the live view leaves out what a scenario does not count") {
  Scene scene;
  scene.counts = {.in_name = "done", .out_name = {}, .in = 7};
  const auto lines = scene.lines({.columns = 100, .unicode = false});
  CHECK(has(lines, "done"));
  for (const char* none : {"delivered", "latency", "clients"}) {
    CAPTURE(none);
    CHECK_FALSE(has(lines, none));
  }
}

TEST_CASE("no line of the live view is wider than the screen, in characters") {
  for (const std::size_t columns : {5u, 20u, 40u, 80u}) {
    for (const bool unicode : {false, true}) {
      for (const auto& line : Scene().lines({.columns = columns, .unicode = unicode})) {
        CAPTURE(line);
        CHECK(characters(line) <= columns);
      }
    }
  }
}

TEST_CASE("a sparkline has a bar for each of the last values, by the largest of them") {
  CHECK(sparkline({0, 50, 100}, 10, true) == "▁▅█");
  CHECK(sparkline({100, 0, 1}, 2, false) == "_#");
  CHECK(sparkline({0, 0}, 10, false) == "__");
  CHECK(sparkline({}, 10, true) == "");
}
