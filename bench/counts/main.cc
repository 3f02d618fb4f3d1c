// bramble_counts: the broker's own code on one thread, fed with fixed bytes in fixed batches. bench/counts/run counts
// its instructions.
//
//   bramble_counts --list             the scenarios, a line each: name, tab, words
//   bramble_counts SCENARIO           plays one; prints one JSON line
//   bramble_counts --marks SCENARIO   the same for qemu's plugin (icount.c)
#include <cstdio>
#include <cstring>

#include "bench/counts/gauge.h"
#include "bench/counts/scenarios.h"

namespace {

using namespace bramble::counts;

int play(const Scenario& scenario) {
  Scene scene(scenario.acl ? scenario.acl() : "");
  const Outcome outcome = scene.play(scenario.build);
  std::printf(R"({"scenario":"%.*s","deliveries":%llu,"allocations":%llu,"allocated_bytes":%llu,"clock_reads":%llu,)"
              R"("turns":%llu,"refused":%llu})"
              "\n",
              static_cast<int>(scenario.name.size()), scenario.name.data(),
              static_cast<unsigned long long>(outcome.deliveries),
              static_cast<unsigned long long>(outcome.gauge.allocations),
              static_cast<unsigned long long>(outcome.gauge.allocated_bytes),
              static_cast<unsigned long long>(outcome.gauge.clock_reads),
              static_cast<unsigned long long>(outcome.turns), static_cast<unsigned long long>(outcome.refused));
  return outcome.refused == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 3 && std::strcmp(argv[1], "--marks") == 0) {
    say_marks();
    --argc;
    ++argv;
  }
  if (argc == 2 && std::strcmp(argv[1], "--list") == 0) {
    for (const Scenario& scenario : scenarios()) {
      std::printf("%.*s\t%.*s\n", static_cast<int>(scenario.name.size()), scenario.name.data(),
                  static_cast<int>(scenario.words.size()), scenario.words.data());
    }
    return 0;
  }
  for (const Scenario& scenario : scenarios()) {
    if (argc == 2 && scenario.name == argv[1]) return play(scenario);
  }
  std::fputs("bramble_counts [--marks] SCENARIO, or --list\n", stderr);
  return 2;
}
