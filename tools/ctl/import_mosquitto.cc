// bramble-ctl import-mosquitto: from a Mosquitto of this machine, configuration, users, rules, certificates and
// database.
#include <algorithm>
#include <filesystem>
#include <fmt/format.h>
#include <utility>

#include "broker/account.h"
#include "broker/config/command_line.h"
#include "broker/start_check.h"
#include "tools/ctl/commands.h"
#include "tools/ctl/import/held_signals.h"
#include "tools/ctl/import/layout.h"
#include "tools/ctl/import/mosquitto_store.h"
#include "tools/ctl/import/of_service.h"
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
    bool* const flag = word == "--help"       ? &to.help
                       : word == "--dry-run"  ? &to.dry_run
                       : word == "--force"    ? &to.force
                       : word == "--database" ? &to.database
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
  for (const std::string& folder : plan.folders) placing.add_folder(folder);
  return {};
}

bool all_there(const Placing& placing) {
  return std::ranges::all_of(placing.files(), [](const auto& file) { return file.there == Placing::There::same; });
}

/// The database is to be made.
bool store_is_due(const StoreImport& store, const Placing& placing, const ImportWords& words) {
  if (store.from.empty()) return false;
  const bool is_there = store.there == StoreImport::There::used || store.there == StoreImport::There::locked;
  return !is_there || words.force || words.database || !all_there(placing);
}

/// What somebody has made, and would not be there any more: a line each, and how to go on.
std::string what_is_in_the_way(const Placing& placing, const StoreImport& store, const ImportWords& words) {
  const bool due = store_is_due(store, placing, words);
  if (due && store.there == StoreImport::There::locked) {
    return store.what + "\nNothing was written. If it is Bramble that has it: systemctl stop bramble";
  }
  if (words.force) return {};
  std::string text;
  for (const Placing::File& file : placing.files()) {
    if (file.there == Placing::There::other) text += file.to + ": is there already, and differs\n";
  }
  const bool wanted = words.database || placing.was_interrupted();
  if (due && store.there == StoreImport::There::used && !wanted) text += store.what + "\n";
  if (text.empty()) return text;
  return text +
         "Nothing was written. --database imports the database alone, again; --force everything. What is there gets "
         "another name (NAME.before-import)";
}

/// Empty: a start would go well.
std::string why_no_start(const Plan& plan) {
  return as_account(plan.theirs, plan.account, [&]() -> std::string {
    CommandLine command_line;
    command_line.config_file = plan.main_file();
    const auto config = load_config(command_line);
    if (!config) return config.error();
    const auto notes = check_start(plan.account ? without_unix_sockets(*config) : *config, true);
    return notes ? std::string() : notes.error();
  });
}

struct Failure {
  int status;
  std::string why;
};
using Loaded = std::optional<Database::Loaded>;

/// Everything but to keep it.
tl::expected<Loaded, Failure> carry_out(const ImportWords& words, const Plan& plan, Placing& placing,
                                        StoreImport& store) {
  const auto failed = [](std::string why) { return tl::unexpected(Failure{kFailed, std::move(why)}); };
  const bool with_files = !words.dry_run && !words.database;
  if (with_files) {
    if (auto prepared = placing.prepare(); !prepared) return failed(std::move(prepared.error()));
  }
  Loaded loaded;
  if (store_is_due(store, placing, words)) {
    auto imported = import_store(store, plan, words.dry_run, placing);
    if (!imported) return failed(std::move(imported.error()));
    loaded = *imported;
  }
  if (!with_files) return loaded;
  if (auto named = placing.give_names(); !named) return failed(std::move(named.error()));
  const std::string why = why_no_start(plan);
  if (why.empty()) return loaded;
  return tl::unexpected(
      Failure{kBadConfig, fmt::format("Bramble would not start with it:\n{}\n{}", why, what_is_to_be_seen_to(plan))});
}

int report_of(const ImportReport& report) {
  if (!print(text_of(report))) return kFailed;
  if (report.words.dry_run) return kDone;
  const char* const so = report.plan.attention.empty() ? "starts" : "reads all that it needs";
  const std::string tested = fmt::format("Tested: bramble {} with {}\n\n", so, report.plan.main_file());
  return print((report.words.database ? "" : tested) + what_is_next(report)) ? kDone : kFailed;
}

int import(const ImportWords& words) {
  const auto plan = plan_import(words);
  if (!plan) return std::fprintf(stderr, "%s\n", plan.error().c_str()), kBadConfig;
  std::optional<HeldSignals> held;  // ends after `placing`, which undoes what is not kept
  Placing placing(whole_path(words.to), plan->account);
  if (const auto filled = words.database ? OrMessage<void>() : fill(placing, *plan); !filled) {
    return fail(kFailed, filled.error());
  }
  StoreImport store = look_at_store(*plan, whole_path(words.data));
  const std::string in_the_way = what_is_in_the_way(placing, store, words);
  if (!in_the_way.empty()) return fail(kFailed, in_the_way);
  if (!words.dry_run) {
    held.emplace();
    if (const auto locked = placing.lock(whole_path(words.config_file)); !locked) {
      return fail(kFailed, locked.error() + "\nNothing was written.");
    }
  }
  auto done = carry_out(words, *plan, placing, store);
  if (done && held && held->waits()) done = tl::unexpected(Failure{kFailed, "interrupted"});
  if (!done) return fail(done.error().status, done.error().why + "\nAll is as it was.");
  placing.keep();
  held.reset();
  return report_of({words, *plan, placing, store, *done});
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
         "  --database          the database alone, again: what is there gets another name, NAME.before-import\n"
         "  --force             everything again: what is there already, and differs, gets such a name\n\n"
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
