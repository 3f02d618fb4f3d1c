#include "tools/ctl/import/mosquitto_store.h"

#include <array>
#include <chrono>
#include <ctime>
#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <sys/stat.h>
#include <system_error>
#include <utility>

#include "broker/session/mosquitto_source.h"
#include "broker/store/database_check.h"
#include "broker/store/importing.h"
#include "core/base/hash.h"
#include "tools/ctl/import/on_disk.h"
#include "tools/ctl/nobody.h"

namespace bramble::ctl {

namespace {

namespace fs = std::filesystem;

constexpr const char* kDatabase = "bramble.db";
constexpr const char* kNew = ".new";

tl::unexpected<std::string> wrong(std::string message) { return tl::unexpected<std::string>(std::move(message)); }

OrMessage<Database::Loaded> count(const std::string& from) {
  Nobody nobody;
  const SeededHash hash(0);
  const auto id = [&hash](std::string_view client_id) { return PublisherId{hash(client_id) | 1}; };
  return read_mosquitto_database(from, Clocks::now(), nobody, {.id = id, .source = source_of});
}

}  // namespace

StoreImport look_at_store(const Plan& plan, const std::string& folder) {
  std::error_code unknown;
  StoreImport store{.from = {}, .to = (fs::path(folder) / kDatabase).string()};
  if (!plan.database.empty() && fs::exists(plan.database, unknown)) store.from = plan.database;
  if (!fs::exists(fs::symlink_status(store.to, unknown))) return store;
  const auto found = inspect_database(store.to);
  if (!found) {
    store.there = StoreImport::There::locked;
    store.what = found.error();
    return store;
  }
  const bool empty = found->sessions + found->retained + found->messages == 0;
  store.there = empty ? StoreImport::There::empty : StoreImport::There::used;
  store.what = fmt::format("{} is there already, with {} sessions and {} retained messages", store.to, found->sessions,
                           found->retained);
  return store;
}

OrMessage<Database::Loaded> import_store(StoreImport& store, const Plan& plan, bool dry, Placing& placing) {
  if (dry) return count(store.from);
  const std::string folder = fs::path(store.to).parent_path(), fresh = store.to + kNew;
  if (auto made = placing.make_folder(folder, true); !made) return wrong(std::move(made.error()));
  std::error_code unknown;
  fs::remove(fresh, unknown);  // of one that was interrupted
  placing.made(fresh);
  auto loaded = import_into_new(store.from, fresh, Clocks::now(), source_of);
  if (!loaded) return loaded;
  if (plan.account && give(fresh, plan.account->id, plan.account->group, 0600) != 0) {
    return wrong(store.to + ": cannot be given to " + plan.account->name);
  }
  const StoreImport now = look_at_store(plan, folder);  // a broker may have been started since
  const bool is_others = now.there == StoreImport::There::used && store.there != now.there;
  if (is_others || now.there == StoreImport::There::locked) return wrong(now.what);
  if (fs::exists(store.to + "-wal", unknown)) take_in_log(store.to);
  auto aside = placing.put(fresh, store.to);
  if (!aside) return wrong(std::move(aside.error()));
  store.old_is = std::move(*aside);
  if (sync(folder) != 0) return wrong(folder + ": cannot be written to");
  return loaded;
}

std::string age_of_store(const StoreImport& store) {
  struct stat found {};
  if (::stat(store.from.c_str(), &found) != 0) return "of unknown age";
  const std::int64_t seconds = std::max<std::int64_t>(0, std::time(nullptr) - found.st_mtime);
  constexpr std::pair<std::int64_t, const char*> kUnits[] = {{86'400, "day"}, {3600, "hour"}, {60, "minute"}};
  for (const auto& [unit, name] : kUnits) {
    const std::int64_t count = seconds / unit;
    if (count > 0) return fmt::format("written {} {}{} ago", count, name, count == 1 ? "" : "s");
  }
  return fmt::format("written {} seconds ago", seconds);
}

std::optional<int> running_mosquitto(const Plan& plan) {
  const std::string& pid_file = plan.theirs.broker.pid_file;
  int process = 0;
  if (pid_file.empty() || !(std::ifstream(pid_file) >> process) || process <= 0) return {};
  std::string name;
  std::getline(std::ifstream(fmt::format("/proc/{}/comm", process)), name);
  if (name != "mosquitto") return {};
  return process;
}

bool has_more(const Plan& plan) {
  return !plan.database.empty() && (plan.theirs.broker.pid_file.empty() || running_mosquitto(plan));
}

}  // namespace bramble::ctl
