#include <cstdio>
#include <string>
#include <string_view>

#include "tools/bench/process.h"
#include "tools/bench/scenario.h"

namespace {

using namespace bramble::bench;

constexpr int kFoundFaults = 1;
constexpr int kUsage = 2;

std::string usage() {
  std::string text = "usage: bramble-bench SCENARIO [options]\n\nScenarios (defaults in brackets):\n";
  for (const auto& scenario : kScenarios) {
    std::string left = "  " + std::string(scenario.name);
    left.resize(10, ' ');
    text += left + std::string(scenario.help) + "\n";
  }
  return text + "\nOptions:\n" + options_help() +
         "\nEnds with 0; with 1 if it could not connect or if messages were lost, doubled or reordered; with 2 if it "
         "was "
         "called wrongly.\n";
}

const Scenario* find_scenario(std::string_view name) {
  for (const auto& scenario : kScenarios) {
    if (scenario.name == name) return &scenario;
  }
  return nullptr;
}

int wrong_usage(const std::string& what) {
  std::fprintf(stderr, "bramble-bench: %s (bramble-bench --help)\n", what.c_str());
  return kUsage;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view name = argc > 1 ? argv[1] : "";
  if (name == "--help" || name == "help") {
    std::fputs(usage().c_str(), stdout);
    return 0;
  }
  const Scenario* scenario = find_scenario(name);
  if (!scenario) return wrong_usage(name.empty() ? "which scenario?" : "no scenario " + std::string(name));

  Options options;
  if (const auto wrong = parse_options(argc - 2, argv + 2, options); !wrong.empty()) return wrong_usage(wrong);
  if (options.help) {
    std::fputs(usage().c_str(), stdout);
    return 0;
  }
  if (options.client_id.empty()) options.client_id = "bench-" + std::to_string(::getpid());

  raise_open_files();
  Interrupts interrupts;
  Report report;
  scenario->run({options, interrupts, report});
  if (!options.quiet || !options.json) report.print_table(stdout);
  if (options.json) report.print_json(stdout);
  return report.failed() ? kFoundFaults : 0;
}
