#include "tools/ctl/import/report.h"

#include <algorithm>
#include <cctype>
#include <cstring>
#include <fmt/format.h>
#include <unistd.h>

#include "broker/config/show.h"
#include "tools/ctl/import/layout.h"
#include "tools/ctl/import/of_service.h"

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
  for (const ConfigLine& line : report.plan.added) {
    const char* const why = line.name == "user" ? "the copies are for this account" : "as the package's has it";
    lines.push_back(
        fmt::format("{}: {} {} is new, at its top: {}", report.plan.main_file(), line.name, line.value, why));
  }
  return lines;
}

void add_imported(const ImportReport& report, std::vector<std::string>& lines) {
  const auto& [words, plan, placing, store, loaded] = report;
  const std::string from = fmt::format("{} ({})", store.from, age_of_store(store));
  if (!loaded) {
    lines.push_back(fmt::format("{}: not imported again, but with --database: {}", from, store.what));
    return;
  }
  lines.push_back(fmt::format("{} -> {}: {} sessions, {} subscriptions, {} retained messages, {} waiting messages",
                              from, store.to, loaded->sessions, loaded->subscriptions, loaded->retained,
                              loaded->deliveries));
  if (!store.old_is.empty()) lines.push_back(fmt::format("the {} before is {} now", store.to, store.old_is));
}

std::vector<std::string> of_store(const ImportReport& report) {
  const Plan& plan = report.plan;
  if (plan.database.empty()) return {"Mosquitto keeps none (persistence false), so nothing is imported"};
  std::vector<std::string> lines;
  if (report.store.from.empty()) {
    lines.push_back(plan.database + ": is not there, so nothing is imported");
  } else {
    add_imported(report, lines);
  }
  if (has_more(plan)) {
    const auto process = running_mosquitto(plan);
    lines.push_back((process ? fmt::format("Mosquitto runs (process {})", *process) : "If a Mosquitto runs, it") +
                    (process ? ", and" : "") +
                    " writes its database when it ends: import it once more then, with --database");
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

std::vector<std::string> of_later(const ImportReport& report) {
  std::vector<std::string> lines = report.words.database ? std::vector<std::string>() : report.plan.later;
  if (report.loaded && report.loaded->left_out > 0) {
    lines.push_back(
        fmt::format("{}: {} damaged records are left out: Mosquitto writes it anew when it ends: import it "
                    "once more then, with --database",
                    report.store.from, report.loaded->left_out));
  }
  return lines;
}

std::string text_of_configuration(const ImportReport& report) {
  std::vector<std::string> warnings = report.plan.config.warnings;
  warnings.insert(warnings.end(), report.plan.notes.begin(), report.plan.notes.end());
  return part("Copied (what is Mosquitto's stays as it is)", of_files(report)) +
         part("Lines that differ in the copy", of_lines(report)) + part("Read where it is", report.plan.stays) +
         part("Read along, for it was there", of_others(report)) + part("Not read any more", report.plan.read_no_more) +
         part("Who may connect", of_listeners(report)) + part("Warnings", warnings);
}

/// A word of a command that a shell is to read.
std::string quoted(const std::string& word) {
  const auto plain = [](unsigned char letter) { return std::isalnum(letter) || std::strchr("/._-+", letter); };
  if (std::ranges::all_of(word, plain)) return word;
  std::string text = "'";
  for (const char letter : word) text += letter == '\'' ? std::string("'\\''") : std::string(1, letter);
  return text + "'";
}

std::string once_more(const ImportWords& words) {
  const ImportWords usual;
  std::string text = "bramble-ctl import-mosquitto --database";
  if (words.config_file != usual.config_file) text += " -c " + quoted(whole_path(words.config_file));
  if (words.to != usual.to) text += " --to " + quoted(whole_path(words.to));
  if (words.data != usual.data) text += " --data " + quoted(whole_path(words.data));
  for (const std::string& name : words.leave_out) text += " --leave-out " + quoted(name);
  return text;
}

}  // namespace

std::string text_of(const ImportReport& report) {
  std::string text = report.words.dry_run ? "Nothing is written: this is what would be.\n\n" : "";
  if (!report.words.database) text += text_of_configuration(report);
  text += part("Database", of_store(report));
  if (!report.words.database) text += what_is_to_be_seen_to(report.plan);
  text += part("To be seen to", of_later(report));
  if (!report.plan.account && ::geteuid() == 0) {
    text += "There is no account bramble, so everything is root's own.\n\n";
  }
  return text;
}

std::string what_is_to_be_seen_to(const Plan& plan) { return part("To be seen to before the start", plan.attention); }

std::string what_is_next(const ImportReport& report) {
  const std::string& file = report.plan.main_file();
  const bool service = report.plan.account && file == kServiceFile;
  const std::string start = service ? "systemctl start bramble" : "bramble -c " + quoted(file);
  if (report.words.database) return fmt::format("Next\n  {}\n", start);
  std::string line =
      service ? "systemctl stop bramble && systemctl disable --now mosquitto && " : "end Mosquitto, and then ";
  if (has_more(report.plan)) line += once_more(report.words) + " && ";
  return fmt::format("Next\n  {}{}\n  bramble --test-config -c {}    what the configuration means\n", line, start,
                     file);
}

}  // namespace bramble::ctl
