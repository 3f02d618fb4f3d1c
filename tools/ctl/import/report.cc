#include "tools/ctl/import/report.h"

#include <algorithm>
#include <fmt/format.h>
#include <unistd.h>

#include "broker/config/show.h"

namespace bramble::ctl {

namespace {

/// A heading with lines below it; without lines nothing.
std::string part(const std::string& heading, const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += "  " + line + "\n";
  return text.empty() ? text : heading + "\n" + text + "\n";
}

const std::string& source_of_copy(const Plan& plan, const std::string& to) {
  for (const auto& [from, target] : plan.config_files) {
    if (target == to) return from;
  }
  return std::ranges::find(plan.copies, to, &Copy::to)->from;
}

std::vector<std::string> of_files(const ImportReport& report) {
  std::vector<std::string> lines;
  for (const Placing::File& file : report.placing.files()) {
    std::string line = fmt::format("{} -> {}", source_of_copy(report.plan, file.to), file.to);
    if (file.there == Placing::There::same) line += ": is there already";
    if (file.there == Placing::There::of_package) line += ", in the place of the package's";
    if (file.there == Placing::There::other) line += ", in the place of another";
    if (!file.old_is.empty()) line += ", which is " + file.old_is + " now";
    lines.push_back(std::move(line));
  }
  return lines;
}

/// Files that are not of this import, and will be read with it.
std::vector<std::string> of_others(const ImportReport& report) {
  std::vector<std::string> lines;
  for (const Change& change : report.plan.changes) {
    if (change.line.name != "include_dir") continue;
    const auto there = conf_files(change.becomes.substr(change.becomes.find(' ') + 1));
    if (!there) continue;  // the folder is not there yet
    for (const std::string& name : *there) {
      if (std::ranges::find(report.placing.files(), name, &Placing::File::to) == report.placing.files().end()) {
        lines.push_back(name);
      }
    }
  }
  return lines;
}

std::vector<std::string> of_lines(const ImportReport& report) {
  std::vector<std::string> lines;
  for (const Change& change : report.plan.changes) {
    const char* const what = change.how == Change::How::left_out   ? "left out"
                             : change.how == Change::How::followed ? "and below it "
                                                                   : "now ";
    const std::string why = change.why.empty() ? "" : ": " + change.why;
    lines.push_back(fmt::format("{}: {}: {}{}{}", change.line.where, change.line.name, what, change.becomes, why));
  }
  if (report.plan.account && !report.plan.theirs.origins.contains("user")) {
    lines.push_back(fmt::format("{}: user {} is new, at its top: the copies are for this account",
                                report.placing.files().front().to, report.plan.account->name));
  }
  return lines;
}

std::vector<std::string> of_store(const ImportReport& report) {
  const auto& [words, plan, placing, store, loaded] = report;
  if (plan.database.empty()) return {"Mosquitto keeps none (persistence false), so nothing is imported"};
  if (store.from.empty()) return {plan.database + ": is not there, so nothing is imported"};
  std::vector<std::string> lines;
  const std::string from = fmt::format("{} ({})", store.from, age_of_store(store));
  if (!loaded) {
    lines.push_back(fmt::format("{}: not imported again: {}", from, store.what));
  } else {
    lines.push_back(fmt::format("{} -> {}: {} sessions, {} subscriptions, {} retained messages, {} waiting messages",
                                from, store.to, loaded->sessions, loaded->subscriptions, loaded->retained,
                                loaded->deliveries));
    if (!store.old_is.empty()) lines.push_back(fmt::format("the {} before is {} now", store.to, store.old_is));
    if (loaded->left_out > 0) lines.push_back(fmt::format("{} damaged records are left out", loaded->left_out));
  }
  if (const auto process = running_mosquitto(plan)) {
    lines.push_back(
        fmt::format("Mosquitto runs (process {0}), and what it has had since then is not in that file. It writes it "
                    "when it ends (systemctl stop mosquitto), or at `kill -USR1 {0}`. Import it then, with --force",
                    *process));
  } else if (plan.theirs.broker.pid_file.empty()) {
    lines.emplace_back(
        "What a Mosquitto that runs has had since then is not in that file. It writes it when it ends, "
        "or at SIGUSR1");
  }
  return lines;
}

std::vector<std::string> of_listeners(const ImportReport& report) {
  std::vector<std::string> lines;
  for (const ListenerOptions& listener : report.plan.config.listeners) {
    if (listener.optional) continue;
    lines.push_back(
        fmt::format("{} ({}): {}", listener_name(listener), listener.declared_at, who_may_connect(listener)));
  }
  return lines;
}

}  // namespace

std::string text_of(const ImportReport& report) {
  const bool dry = report.words.dry_run;
  std::vector<std::string> warnings = report.plan.config.warnings;
  warnings.insert(warnings.end(), report.plan.notes.begin(), report.plan.notes.end());
  std::string text = dry ? "Nothing is written: this is what would be.\n\n" : "";
  text += part("Copied (what is Mosquitto's stays as it is)", of_files(report));
  text += part("Lines that differ in the copy", of_lines(report));
  text += part("Read where it is", report.plan.stays);
  text += part("Read along, for it was there", of_others(report));
  text += part("Database", of_store(report));
  text += part("Who may connect", of_listeners(report));
  text += part("Warnings", warnings);
  text += part("To be seen to before the start", report.plan.attention);
  if (!report.plan.account && ::geteuid() == 0) {
    text += "There is no account bramble, so everything is root's own.\n\n";
  }
  return text;
}

std::string what_is_next(const ImportReport& report) {
  const std::string& file = report.placing.files().front().to;
  const bool service = report.plan.account && file == "/etc/bramble/bramble.conf";
  return "Next\n  " +
         (service ? std::string("systemctl disable --now mosquitto && systemctl restart bramble")
                  : fmt::format("end Mosquitto, and start bramble -c {}", file)) +
         fmt::format("\n  bramble --test-config -c {}    what the configuration means\n", file);
}

}  // namespace bramble::ctl
