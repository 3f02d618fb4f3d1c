#include "tools/bench/play.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>

#include "tools/bench/output/machine.h"
#include "tools/bench/output/metrics.h"
#include "tools/bench/output/page.h"
#include "tools/bench/output/strain.h"
#include "tools/bench/output/terminal.h"
#include "tools/bench/remote/manager.h"

namespace bramble::bench {

namespace {

std::string broker_name(const Options& options) { return options.host + ":" + std::to_string(options.port); }

/// Whether latencies are corrected for coordinated omission: an open loop times each message from when it should have
/// left, a closed one from when it did, which waits for the broker.
std::string loop_of(const Options& options) {
  return options.rate > 0 ? "open, corrected for coordinated omission"
                          : "closed, not corrected for coordinated omission";
}

/// What the JSON says besides the figures.
void tell_about(const Scenario& scenario, const Options& options, Report& report) {
  Json::Object given;
  std::string command = "bramble-bench " + std::string(scenario.name);
  for (const auto& [name, value] : options.given) {
    const std::string shown = name == "--password" ? "(hidden)" : value;
    given.emplace_back(name.substr(2), shown.empty() ? "yes" : shown);
    command += " " + name + (shown.empty() ? "" : " " + shown);
  }
  report.about("tool", "bramble-bench " BRAMBLE_VERSION);
  report.about("time", time_of_day());
  report.about("command", command);
  report.about("options", std::move(given));
  report.about("machine", describe_machine());
}

/// Each step of a scenario file has a page of its own: out.html becomes out-STEP.html.
std::string page_path(const std::string& path, std::string step) {
  if (step.empty()) return path;
  std::replace(step.begin(), step.end(), '/', '_');
  const std::filesystem::path whole(path);
  std::filesystem::path name = whole.stem();
  name += "-" + step;
  name += whole.extension();
  return whole.parent_path() / name;
}

/// Null if metrics cannot be served there.
std::unique_ptr<Viewer> serve_metrics(const Scenario& scenario, const Options& options) {
  Descriptor listener = listen_on(*options.prometheus);
  if (!listener) {
    std::fprintf(stderr, "bramble-bench: --prometheus: %s\n", std::strerror(errno));
    return nullptr;
  }
  const std::string labels = metrics_label("scenario", scenario.name) + "," +
                             metrics_label("version", BRAMBLE_VERSION) + "," +
                             metrics_label("broker", broker_name(options)) + "," +
                             metrics_label("qos", std::to_string(static_cast<int>(options.qos))) + "," +
                             metrics_label("loop", options.rate > 0 ? "open" : "closed");
  return std::make_unique<MetricsServer>(std::move(listener), labels);
}

bool write_page(const Report& report, const std::string& path) {
  std::ofstream file(path);
  file << page(report);
  file.close();
  if (!file) std::fprintf(stderr, "bramble-bench: cannot write %s: %s\n", path.c_str(), std::strerror(errno));
  return static_cast<bool>(file);
}

}  // namespace

bool play(const Scenario& scenario, const Options& options, Interrupts& interrupts, const std::string& step) {
  LiveView live("bramble-bench " + std::string(scenario.name) + ", " + broker_name(options));
  PlainLines lines;
  std::vector<Viewer*> viewers;
  if (!options.quiet) viewers.push_back(::isatty(STDERR_FILENO) == 1 ? static_cast<Viewer*>(&live) : &lines);
  std::unique_ptr<Viewer> metrics;
  if (options.prometheus) {
    if (!(metrics = serve_metrics(scenario, options))) return false;
    viewers.push_back(metrics.get());
  }

  Report report;
  if (!step.empty()) report.text("step", "step", step);
  Progress progress(options.broker_pid, viewers);
  tell_about(scenario, options, report);
  const Run run{options, interrupts, report, progress};
  if (options.workers.empty()) {
    scenario.run(run);
    tell_strain(report, options, progress.seconds());
  } else {
    run_on_workers(scenario, run);
  }
  live.clear();
  report.text("loop", "loop", loop_of(options));
  report.seconds(progress.seconds());

  if (!options.quiet || !options.json) report.print_table(stdout);
  if (options.json) report.print_json(stdout);
  if (!options.report_file.empty() && !write_page(report, page_path(options.report_file, step))) return false;
  return !report.failed();
}

}  // namespace bramble::bench
