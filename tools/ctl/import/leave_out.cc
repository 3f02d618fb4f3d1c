#include "tools/ctl/import/leave_out.h"

#include <algorithm>
#include <fmt/format.h>
#include <set>
#include <sstream>
#include <utility>

#include "broker/config/refused_option.h"

namespace bramble::ctl {

namespace {

constexpr std::string_view kBridge = "connection";
constexpr std::string_view kPlugin = "plugin";

tl::unexpected<std::string> wrong(std::string message) { return tl::unexpected<std::string>(std::move(message)); }

/// What --leave-out calls it; empty: it is an option that Bramble has, or nobody.
std::string_view called(const ConfigLine& line) {
  if (is_bridge_option(line.name)) return kBridge;
  if (refused_option(line.name, line.value).answer != RefusedOption::Answer::refused) return {};
  return line.name.find(kPlugin) != std::string::npos || line.name.starts_with("auth_opt_") ? kPlugin : line.name;
}

/// What Bramble says of the line, without its place and name; nothing: it is not refused.
std::string why_refused(const ConfigLine& line, const std::string& errors) {
  const std::string begin = line.where + ": ";
  std::istringstream all(errors);
  for (std::string error; std::getline(all, error);) {
    if (!error.starts_with(begin)) continue;
    const std::string named = begin + line.name + ": ";
    return error.substr(error.starts_with(named) ? named.size() : begin.size());
  }
  return {};
}

/// The lines that can go now, with the reason; they are taken out of `lines`.
std::vector<Change> take_out(std::vector<ConfigLine>& lines, const std::string& errors,
                             const std::vector<std::string>& leave_out) {
  std::vector<Change> out;
  const auto goes = [&](const ConfigLine& line) {
    const std::string_view name = called(line);
    if (name.empty() || std::ranges::find(leave_out, name) == leave_out.end()) return false;
    std::string why = why_refused(line, errors);
    if (name == kBridge && why.empty()) why = "belongs to a bridge that is left out";
    if (why.empty()) return false;
    out.push_back({Change::How::left_out, line, {}, std::move(why)});
    return true;
  };
  std::erase_if(lines, goes);
  return out;
}

std::string how_to_go_on(const std::vector<ConfigLine>& lines, const std::string& errors) {
  std::set<std::string_view> names;
  for (const ConfigLine& line : lines) {
    if (!called(line).empty() && !why_refused(line, errors).empty()) names.insert(called(line));
  }
  std::string flags;
  for (const std::string_view name : names) flags += fmt::format(" --leave-out {}", name);
  std::string text = "Nothing was written. ";
  if (!flags.empty()) {
    text += fmt::format("To go on without what Bramble does not have, commented out in the copy:{}. ", flags);
  }
  return text +
         "To change a line and leave Mosquitto's as it is: change a copy of the folder, its include_dir too, and "
         "name that with -c.";
}

}  // namespace

OrMessage<Accepted> accept(const std::vector<ConfigLine>& lines, const std::vector<std::string>& leave_out) {
  std::vector<ConfigLine> left = lines;
  std::vector<Change> out;
  while (true) {  // each round takes lines out, or is the last
    auto config = make_config(left);
    std::vector<Change> more = take_out(left, config ? std::string() : config.error(), leave_out);
    if (more.empty() && !config) return wrong(config.error() + "\n" + how_to_go_on(left, config.error()));
    std::ranges::move(more, std::back_inserter(out));
    if (!config) continue;
    for (const std::string& name : leave_out) {
      if (std::ranges::none_of(out, [&](const Change& each) { return called(each.line) == name; })) {
        return wrong(fmt::format("--leave-out {}: there is no such line, or Bramble has that option", name));
      }
    }
    return Accepted{std::move(*config), std::move(out)};
  }
}

}  // namespace bramble::ctl
