#include "tools/ctl/import/plan.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <fmt/format.h>
#include <iterator>
#include <system_error>
#include <unistd.h>
#include <utility>

#include "broker/account.h"
#include "broker/start_check.h"
#include "tools/ctl/import/layout.h"
#include "tools/ctl/import/leave_out.h"
#include "tools/ctl/import/of_service.h"

namespace bramble::ctl {

namespace {

namespace fs = std::filesystem;

tl::unexpected<std::string> wrong(std::string message) { return tl::unexpected<std::string>(std::move(message)); }

/// What happens to what an option names.
enum class Named : std::uint8_t {
  copied,  ///< wherever it lies
  tls,     ///< copied out of Mosquitto's folder; what lies elsewhere others look after, certbot for example
  stays,
};
struct PathOption {
  std::string_view name;
  Named named;
  bool secret = false;
};
constexpr auto kPathOptions = std::to_array<PathOption>({{"acl_file", Named::copied},
                                                         {"cafile", Named::tls},
                                                         {"capath", Named::tls},
                                                         {"certfile", Named::tls},
                                                         {"crlfile", Named::tls},
                                                         {"dhparamfile", Named::tls},
                                                         {"http_dir", Named::stays},
                                                         {"keyfile", Named::tls, true},
                                                         {"password_file", Named::copied, true},
                                                         {"psk_file", Named::copied, true}});

/// Mosquitto's own plugins take their files by these.
std::string_view without_prefix(std::string_view name) {
  for (const std::string_view prefix : {"plugin_opt_", "auth_opt_"}) {
    if (name.starts_with(prefix)) return name.substr(prefix.size());
  }
  return name;
}

class Planning {
 public:
  explicit Planning(const ImportWords& words)
      : words_(words), data_(whole_path(words.data)), to_(whole_path(words.to)), layout_(words.config_file, to_) {}

  OrMessage<Plan> plan() {
    plan_.account = service_account();
    auto source = read_source(words_.config_file);
    if (!source) return wrong(std::move(source.error()));
    plan_.source = std::move(*source);
    auto accepted = accept(plan_.source.lines, words_.leave_out);
    if (!accepted) return wrong(std::move(accepted.error()));
    plan_.theirs = std::move(accepted->config);
    plan_.changes = std::move(accepted->left_out);
    place_configuration();
    if (const std::string taken = mosquittos_folder(); !taken.empty()) {
      return wrong(fmt::format("--to: {} is where Mosquitto's configuration lies: name another folder", taken));
    }
    for (const ConfigLine& line : plan_.theirs.lines) look_at(line);
    name_store();
    if (plan_.account) look_at_service();
    find_read_no_more();
    sort(plan_.changes, plan_.source);
    if (auto checked = check(); !checked) return wrong(std::move(checked.error()));
    return std::move(plan_);
  }

 private:
  void change(Change::How how, const ConfigLine& line, std::string becomes, std::string why = {}) {
    plan_.changes.push_back({how, line, std::move(becomes), std::move(why)});
  }

  std::string place_of_copy(const SourceFile& file) {
    if (file.include_dir.empty()) return layout_.target_of(file.path);
    return (fs::path(layout_.target_of(file.include_dir)) / fs::path(file.path).filename()).string();
  }

  void place_configuration() {
    for (const SourceFile& file : plan_.source.files) {
      plan_.config_files.emplace_back(file.path, place_of_copy(file));
    }
    for (const ConfigLine& line : plan_.source.includes) {
      plan_.folders.push_back(layout_.target_of(line.value));
      change(Change::How::anew, line, "include_dir " + plan_.folders.back());
    }
  }

  /// One that Mosquitto reads its configuration from, and a copy would go to; empty: none.
  std::string mosquittos_folder() const {
    std::vector<fs::path> theirs = {fs::path(whole_path(words_.config_file)).parent_path()};
    for (const ConfigLine& line : plan_.source.includes) theirs.emplace_back(whole_path(line.value));
    std::vector<std::string> ours = plan_.folders;
    ours.push_back(to_.string());
    std::error_code unknown;
    for (const std::string& to : ours) {
      if (std::ranges::any_of(theirs, [&](const fs::path& each) { return fs::equivalent(to, each, unknown); }))
        return to;
    }
    return {};
  }

  void look_at(const ConfigLine& line) {
    if (line.name == "pid_file") {
      return change(Change::How::left_out, line, {}, "systemd knows the process, and its file is Mosquitto's");
    }
    if (line.name == "log_dest" && line.value.starts_with("file")) {
      return change(Change::How::replaced, line, "log_dest stderr",
                    "that file is Mosquitto's; stderr is kept by the journal (journalctl -u bramble)");
    }
    if (line.name == "user") return look_at_user(line);
    if (line.name == "persistence_location") {
      if (whole_path(line.value) == data_) return;
      return change(Change::How::replaced, line, "persistence_location " + data_, "that folder is Mosquitto's");
    }
    const std::string_view name = without_prefix(line.name);
    const auto* const option = std::ranges::find(kPathOptions, name, &PathOption::name);
    if (option != kPathOptions.end()) look_at_path(line, *option);
  }

  void look_at_user(const ConfigLine& line) {
    if (!plan_.account || line.value == plan_.account->name) return;
    change(Change::How::replaced, line, "user " + plan_.account->name,
           "the copies and " + data_ + " are for this account");
  }

  void look_at_path(const ConfigLine& line, const PathOption& option) {
    if (option.named == Named::copied) return copy(line, line.value, option, {});
    const fs::path place = first_outside(layout_, line.value);
    const bool hidden = plan_.account && is_hidden_from_service(place);
    if (option.named == Named::stays || (!layout_.is_inside(place) && !hidden)) return leave(line, place, hidden);
    copy(line, place, option, "certs");
    if (option.name == "dhparamfile") return;  // which nobody renews
    plan_.later.push_back(fmt::format("{}: {}: {} is copied{}: who renews it has to write {}, too, and reload Bramble",
                                      line.where, line.name, place.string(),
                                      hidden ? ", for the service cannot look there" : "", layout_.target_of(place)));
  }

  void copy(const ConfigLine& line, const std::string& from, const PathOption& option, const std::string& folder) {
    const std::string to = layout_.target_of(from, folder);
    std::error_code unknown;
    if (option.name == "capath") {
      for (fs::directory_iterator entry(from, unknown), end; !unknown && entry != end; entry.increment(unknown)) {
        if (entry->is_regular_file(unknown)) add_copy({entry->path(), to / entry->path().filename()});
      }
    } else {
      add_copy({from, to, option.secret});
    }
    change(Change::How::anew, line, line.name + " " + to);
  }

  void add_copy(Copy copy) {
    const auto same = std::ranges::find(plan_.copies, copy.to, &Copy::to);
    if (same == plan_.copies.end()) return plan_.copies.push_back(std::move(copy));
    same->secret = same->secret || copy.secret;
  }

  void leave(const ConfigLine& line, const fs::path& place, bool hidden) {
    plan_.stays.push_back(fmt::format("{}: {}: {}", line.where, line.name, place.string()));
    if (place != line.value) change(Change::How::anew, line, line.name + " " + place.string());
    const std::string begin = fmt::format("{}: {}: {}", line.where, line.name, place.string());
    if (hidden) {
      plan_.attention.push_back(begin + ": the service cannot look there: move it, to /srv for example");
    } else if (plan_.account &&
               !as_account(plan_.theirs, plan_.account, [&] { return why_unreadable(place); }).empty()) {
      plan_.attention.push_back(
          fmt::format("{0}: the account {1} may not read it: let its group, and `usermod -aG "
                      "GROUP {1}`, or copy it to {2} whenever it is renewed",
                      begin, plan_.account->name, to_.string()));
    }
  }

  static std::string why_unreadable(const fs::path& place) {
    return ::access(place.c_str(), R_OK) == 0 || errno == ENOENT ? "" : std::generic_category().message(errno);
  }

  /// Without the option it would be the folder that the broker is started in.
  void name_store() {
    if (!plan_.theirs.store.persistence) return;
    plan_.database = (fs::path(plan_.theirs.store.persistence_location) / plan_.theirs.store.persistence_file).string();
    if (plan_.theirs.origins.contains("persistence_location")) return;
    const auto last = std::ranges::find_if(
        plan_.theirs.lines.rbegin(), plan_.theirs.lines.rend(),
        [](const auto& line) { return line.name == "persistence" || line.name == "retained_persistence"; });
    change(Change::How::followed, *last, "persistence_location " + data_,
           "without it, the folder that the broker is started in");
  }

  void look_at_service() {
    std::ranges::move(beyond_service(plan_.theirs, data_), std::back_inserter(plan_.attention));
    if (!plan_.theirs.origins.contains("user")) {
      plan_.added.push_back({"user", plan_.account->name, words_.config_file, 0});
    }
    if (plan_.main_file() == kServiceFile) {
      std::ranges::move(lines_of_package(plan_.theirs), std::back_inserter(plan_.added));
    }
  }

  /// What the configuration that is there now includes, and the copy does not.
  void find_read_no_more() {
    const auto now = read_text_file(plan_.main_file());
    if (!now) return;  // there is none
    for (const ConfigLine& line : split_config(*now, plan_.main_file())) {
      if (line.name != "include_dir" || std::ranges::find(plan_.folders, line.value) != plan_.folders.end()) continue;
      if (auto names = conf_files(line.value)) std::ranges::move(*names, std::back_inserter(plan_.read_no_more));
    }
  }

  /// A start with the changes, but with Mosquitto's files where they are: so that what is wrong in one is told by its
  /// own name.
  OrMessage<void> check() {
    const auto before = changed(false);
    if (!before) return wrong(before.error());
    auto notes = check_start(plan_.account ? without_unix_sockets(*before) : *before, true);
    if (!notes) return wrong(notes.error() + "\nNothing was written.");
    auto after = changed(true);
    if (!after) return wrong(std::move(after.error()));
    plan_.config = std::move(*after);
    plan_.notes = std::move(*notes);
    return {};
  }

  OrMessage<Config> changed(bool anew) const {
    std::vector<ConfigLine> lines = changed_lines(plan_.theirs.lines, plan_.changes, anew);
    lines.insert(lines.begin(), plan_.added.begin(), plan_.added.end());
    return make_config(lines);
  }

  const ImportWords& words_;
  const std::string data_;
  const fs::path to_;
  Layout layout_;
  Plan plan_;
};

}  // namespace

OrMessage<Plan> plan_import(const ImportWords& words) { return Planning(words).plan(); }

std::string text_of_copy(const Plan& plan, std::size_t file) {
  std::string text = changed_text(plan.source.files[file], plan.changes);
  if (file != 0) return text;
  std::string begin = fmt::format("# Made by bramble-ctl import-mosquitto from {}.\n", plan.source.files[0].path);
  for (const ConfigLine& line : plan.added) begin += line.name + " " + line.value + "\n";
  return begin + "\n" + text;
}

}  // namespace bramble::ctl
