#include <algorithm>
#include <charconv>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "tools/bench/output/compare.h"
#include "tools/bench/play.h"
#include "tools/bench/process.h"
#include "tools/bench/remote/worker.h"
#include "tools/bench/steps.h"

namespace {

using namespace bramble::bench;

constexpr int kFoundFaults = 1;
constexpr int kUsage = 2;
constexpr double kTolerance = 10;  // percent

std::string usage() {
  std::string text =
      "usage: bramble-bench SCENARIO [options]\n"
      "       bramble-bench run FILE [options]: the scenarios in FILE, one a line, one after the other\n"
      "       bramble-bench --compare BEFORE.json AFTER.json [--tolerance PERCENT]\n"
      "       bramble-bench --worker [HOST:]PORT\n"
      "\nScenarios (defaults in brackets):\n";
  for (const auto& scenario : kScenarios) {
    std::string left = "  " + std::string(scenario.name);
    left.resize(12, ' ');
    text += left + std::string(scenario.help) + "\n";
  }
  return text + "\nOptions:\n" + options_help() +
         "\nEnds with 0; with 1 if it could not connect or if messages were lost, doubled or reordered; with 2 if it "
         "was called wrongly. --compare ends with 1 if a figure got worse by more than the tolerance (10 %). "
         "--worker plays its part of the runs of a --manager: on loopback if there is no HOST, and without asking who "
         "calls, so for private networks only.\n";
}

int wrong_usage(const std::string& what) {
  std::fprintf(stderr, "bramble-bench: %s (bramble-bench --help)\n", what.c_str());
  return kUsage;
}

/// The steps of `run FILE`, or the one step that the command line is. Returns what is wrong, empty if nothing.
std::string steps_of(const std::vector<std::string>& words, std::vector<Step>& steps) {
  const std::string name = words.empty() ? std::string() : words.front();
  if (name.empty()) return "which scenario?";
  if (name == "run") {
    if (words.size() < 2) return "run needs a file";
    return read_steps(words[1], {words.begin() + 2, words.end()}, steps);
  }
  const Scenario* scenario = find_scenario(name);
  if (!scenario) return "no scenario " + name;
  Step& step = steps.emplace_back(Step{{}, scenario, {}});
  if (const auto wrong = parse_options({words.begin() + 1, words.end()}, step.options); !wrong.empty()) return wrong;
  return step.options.help ? std::string() : refuse(*scenario, step.options);
}

/// False: something was wrong with the broker, the messages or the connections.
bool run_step(const Step& step, Interrupts& interrupts) {
  Options options = step.options;
  if (options.client_id.empty()) options.client_id = "bench-" + std::to_string(::getpid());
  const bool good = play(*step.scenario, options, interrupts, step.name);
  if (!step.name.empty() && !options.quiet) std::putchar('\n');
  std::fflush(stdout);
  return good;
}

/// bramble-bench --compare BEFORE AFTER [--tolerance PERCENT]
int run_compare(int argc, char** argv) {
  double tolerance = kTolerance;
  if (argc == 6 && std::string_view(argv[4]) == "--tolerance") {
    const std::string_view text = argv[5];
    const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), tolerance);
    if (fault != std::errc{} || end != text.data() + text.size() || !(tolerance >= 0)) {
      return wrong_usage("--tolerance cannot be '" + std::string(text) + "'");
    }
  } else if (argc != 4) {
    return wrong_usage("--compare takes two files, and --tolerance PERCENT behind them");
  }
  return compare_files(argv[2], argv[3], tolerance);
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> words(argv + std::min(argc, 1), argv + argc);
  if (!words.empty() && words[0] == "--compare") return run_compare(argc, argv);
  if (!words.empty() && words[0] == "--worker") {
    const auto address = argc == 3 ? read_address(argv[2], true) : std::nullopt;
    return address ? run_worker(*address) : wrong_usage("--worker takes [HOST:]PORT");
  }
  std::vector<Step> steps;
  const bool help = !words.empty() && (words[0] == "--help" || words[0] == "help");
  if (const auto wrong = help ? std::string() : steps_of(words, steps); !wrong.empty()) return wrong_usage(wrong);
  if (help || steps.front().options.help) {
    std::fputs(usage().c_str(), stdout);
    return 0;
  }

  raise_open_files();
  Interrupts interrupts;
  bool good = true;
  for (const Step& step : steps) {
    if (interrupts.seen()) break;
    good &= run_step(step, interrupts);
  }
  return good ? 0 : kFoundFaults;
}
