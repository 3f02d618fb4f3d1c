#include "tools/bench/output/strain.h"

#include <algorithm>
#include <thread>

#include "tools/bench/output/numbers.h"
#include "tools/bench/process.h"

namespace bramble::bench {

namespace {

constexpr std::string_view kMeasure = "measure";
constexpr double kThreadBusy = 0.9;
constexpr double kMachineBusy = 0.95;
constexpr double kFilesNear = 0.9;
constexpr double kLateShare = 0.01;  ///< of an open loop's messages: fewer do not show below p99

std::string percent(double share) { return fixed(share * 100, 0) + " %"; }

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

double figure(const Report& report, std::string_view key) {
  const auto* row = report.find(key);
  return row && row->value.number() ? *row->value.number() : 0;
}

void warn_of_threads(Report& report, const Options& options, const Strain& strain, unsigned cores) {
  if (strain.busiest_thread >= kThreadBusy) {
    const std::string cure =
        options.threads < cores
            ? "give it more (--threads " + std::to_string(options.threads + 1) + "), or more machines (--manager)"
            : "there is a thread for each of this machine's " + std::to_string(cores) +
                  " CPUs already: use more machines (--manager)";
    report.warning("the generator was at its limit: a thread of its own used " + percent(strain.busiest_thread) +
                   " of a CPU, so the rate is the generator's as much as the broker's; " + cure);
  } else if (strain.machine_busy >= kMachineBusy) {
    report.warning("this machine was at its limit: its " + std::to_string(cores) + " CPUs were " +
                   percent(strain.machine_busy) +
                   " busy, so whatever runs here took time from each other; give broker " +
                   "and generator CPUs of their own (taskset), or a machine of its own to each");
  }
}

void warn_of_files(Report& report, const Strain& strain, std::size_t open_files_max) {
  if (static_cast<double>(strain.open_files) < kFilesNear * static_cast<double>(open_files_max)) return;
  report.warning("near the limit of descriptors: " + std::to_string(strain.open_files) + " were open of " +
                 std::to_string(open_files_max) +
                 "; raise it (ulimit -Hn, LimitNOFILE= of the service, or nofile in /etc/security/limits.conf)");
}

void warn_of_lateness(Report& report, const Strain& strain) {
  const double overdue = figure(report, "overdue"), late = figure(report, "late"), sent = figure(report, "published");
  const double share = (late + overdue) / std::max(sent + overdue, 1.0);
  if (share < kLateShare) return;
  const std::string whose = strain.busiest_thread >= kThreadBusy
                                ? "the generator was too slow: more --threads or machines"
                            : strain.machine_busy >= kMachineBusy ? "this machine had no CPU left: use two"
                                                                  : "the broker or the network took them too slowly";
  report.warning("the rate was not kept: " + percent(share) + " of the messages left more than 1 ms after their time" +
                 (overdue > 0 ? ", or never, and those are not in the latencies; " : "; ") + whose +
                 ", or ask for a lower --rate");
}

}  // namespace

Strain strain_of(const std::vector<Second>& seconds) {
  std::vector<double> threads, machine;
  Strain strain;
  const bool measures =
      std::any_of(seconds.begin(), seconds.end(), [](const Second& second) { return second.phase == kMeasure; });
  for (const auto& second : seconds) {
    strain.open_files = std::max(strain.open_files, second.open_files);
    // Some scenarios only do one thing after the other; holding connections is no work.
    if (measures ? second.phase != kMeasure : second.phase == "hold") continue;
    threads.push_back(second.busiest_thread);
    machine.push_back(second.machine_busy);
  }
  strain.busiest_thread = median(std::move(threads));
  strain.machine_busy = median(std::move(machine));
  return strain;
}

void warn_of_strain(Report& report, const Options& options, const Strain& strain, std::size_t open_files_max,
                    unsigned cores) {
  warn_of_threads(report, options, strain, cores);
  warn_of_files(report, strain, open_files_max);
  warn_of_lateness(report, strain);
}

void tell_strain(Report& report, const Options& options, const std::vector<Second>& seconds) {
  const Strain strain = strain_of(seconds);
  if (!seconds.empty()) report.number("gen_thread_busy", "own busiest thread", strain.busiest_thread, "of a CPU");
  warn_of_strain(report, options, strain, open_files_max(), std::thread::hardware_concurrency());
}

}  // namespace bramble::bench
