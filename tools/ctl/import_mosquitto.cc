// bramble-ctl import-mosquitto: from a Mosquitto of this machine, configuration, users, rules, certificates and
// database.
#include <algorithm>
#include <filesystem>
#include <fmt/format.h>
#include <utility>

#include "broker/config/command_line.h"
#include "broker/start_check.h"
#include "tools/ctl/commands.h"
#include "tools/ctl/import/layout.h"
#include "tools/ctl/import/mosquitto_store.h"
#include "tools/ctl/import/placing.h"
#include "tools/ctl/import/plan.h"
#include "tools/ctl/import/report.h"

namespace bramble::ctl {

namespace {

tl::unexpected<std::string> wrong(std::string message) { return tl::unexpected<std::string>(std::move(message)); }

OrMessage<ImportWords> parse(const std::vector<std::string>& words) {
  ImportWords to;
  for (std::size_t at = 0; at < words.size(); ++at) {
    const std::string& word = words[at];
    bool* const flag = word == "--help"      ? &to.help
                       : word == "--dry-run" ? &to.dry_run
                       : word == "--force"   ? &to.force
                                             : nullptr;
    if (flag != nullptr) {
      *flag = true;
      continue;
    }
    std::string* const value = word == "-c"            ? &to.config_file
                               : word == "--to"        ? &to.to
                               : word == "--data"      ? &to.data
                               : word == "--leave-out" ? &to.leave_out.emplace_back()
                                                       : nullptr;
    if (value == nullptr) return wrong(fmt::format("unknown option '{}'", word));
    if (++at == words.size() || words[at].empty()) return wrong(word + ": needs a value behind it");
    *value = words[at];
  }
  return to;
}

/// Everything that is to be written, and what there is in its place.
OrMessage<void> fill(Placing& placing, const Plan& plan) {
  for (std::size_t i = 0; i < plan.config_files.size(); ++i) {
    const auto& [from, to] = plan.config_files[i];
    if (auto added = placing.add(text_of_copy(plan, i), to, from, false); !added) return added;
  }
  for (const Copy& copy : plan.copies) {
    auto bytes = read_bytes(copy.from);
    if (!bytes) return wrong(std::move(bytes.error()));
    if (auto added = placing.add(std::move(*bytes), copy.to, copy.from, copy.secret); !added) return added;
  }
  return {};
}

bool all_there(const Placing& placing) {
  return std::ranges::all_of(placing.files(), [](const auto& file) { return file.there == Placing::There::same; });
}

/// The database is to be made.
bool store_is_due(const StoreImport& store, const Placing& placing, bool force) {
  if (store.from.empty()) return false;
  const bool is_there = store.there == StoreImport::There::used || store.there == StoreImport::There::locked;
  return !is_there || force || !all_there(placing);
}

/// What somebody has made, and would not be there any more: a line each, and how to go on.
std::string what_is_in_the_way(const Placing& placing, const StoreImport& store, bool force) {
  const bool due = store_is_due(store, placing, force);
  if (due && store.there == StoreImport::There::locked) {
    return store.what + "\nNothing was written. If it is Bramble that has it: systemctl stop bramble";
  }
  if (force) return {};
  std::string text;
  for (const Placing::File& file : placing.files()) {
    if (file.there == Placing::There::other) text += file.to + ": is there already, and differs\n";
  }
  if (due && store.there == StoreImport::There::used) text += store.what + "\n";
  if (text.empty()) return text;
  return text + "Nothing was written. --force gives what is there another name (NAME.before-import), and goes on";
}

/// Empty: a start would go well.
std::string why_no_start(const Plan& plan, const std::string& file) {
  return as_account(plan.account, [&]() -> std::string {
    CommandLine command_line;
    command_line.config_file = file;
    const auto config = load_config(command_line);
    if (!config) return config.error();
    const auto notes = check_start(*config, true);
    return notes ? std::string() : notes.error();
  });
}

int import(const ImportWords& words) {
  const auto plan = plan_import(words);
  if (!plan) return std::fprintf(stderr, "%s\n", plan.error().c_str()), kBadConfig;
  Placing placing(plan->account);
  if (const auto filled = fill(placing, *plan); !filled) return fail(kFailed, filled.error());
  StoreImport store = look_at_store(*plan, whole_path(words.data));
  const std::string in_the_way = what_is_in_the_way(placing, store, words.force);
  if (!in_the_way.empty()) return fail(kFailed, in_the_way);
  std::optional<Database::Loaded> loaded;
  if (store_is_due(store, placing, words.force)) {
    auto imported = import_store(store, *plan, words.dry_run, placing);
    if (!imported) return fail(kFailed, imported.error() + "\nNothing was written.");
    loaded = *imported;
  }
  const ImportReport report{words, *plan, placing, store, loaded};
  if (words.dry_run) return print(text_of(report)) ? kDone : kFailed;
  if (const auto placed = placing.commit(whole_path(words.to)); !placed) {
    return fail(kFailed, placed.error() + "\nAll is as it was.");
  }
  placing.keep();
  if (!print(text_of(report))) return kFailed;
  const std::string& file = placing.files().front().to;
  const std::string why = why_no_start(*plan, file);
  if (!why.empty()) return fail(kBadConfig, fmt::format("it is all there, but would not start:\n{}", why));
  const bool ready = plan->attention.empty();
  return print(fmt::format("Tested: bramble {} with {}\n\n", ready ? "starts" : "reads all that it needs", file) +
               what_is_next(report))
             ? kDone
             : kFailed;
}

}  // namespace

std::string usage_of_import_mosquitto() {
  return "Usage: bramble-ctl import-mosquitto [OPTION...]\n\n"
         "Copies what a Mosquitto of this machine has: configuration, users, access rules, certificates, and its\n"
         "database. Mosquitto and its files stay as they are.\n\n"
         "  -c FILE             its configuration; /etc/mosquitto/mosquitto.conf\n"
         "  --to FOLDER         where bramble.conf and the files that it names go; /etc/bramble\n"
         "  --data FOLDER       where bramble.db goes; /var/lib/bramble\n"
         "  --leave-out OPTION  comment out what Bramble does not have: connection (bridges), plugin; may be repeated\n"
         "  --dry-run           write nothing, and say what would be\n"
         "  --force             give what is there already, and differs, another name: NAME.before-import\n\n"
         "All of it or none. Ends with 0; 1 if something is in the way or cannot be written; 3 if Bramble refuses the\n"
         "configuration or would not start with it.\n";
}

int import_mosquitto(const std::vector<std::string>& words) {
  const auto parsed = parse(words);
  if (!parsed) return fail(kBadWords, parsed.error() + " (import-mosquitto --help)");
  if (parsed->help) return print(usage_of_import_mosquitto()) ? kDone : kFailed;
  return import(*parsed);
}

}  // namespace bramble::ctl
