#include "tools/ctl/import/source.h"

#include <algorithm>
#include <fmt/format.h>
#include <iterator>
#include <map>
#include <utility>

namespace bramble::ctl {

namespace {

constexpr const char* kMark = "# import-mosquitto: ";

tl::unexpected<std::string> wrong(std::string message) { return tl::unexpected<std::string>(std::move(message)); }

const Change* change_of(const std::vector<Change>& changes, const std::string& where) {
  const auto found = std::ranges::find(changes, where, [](const Change& each) { return each.line.where; });
  return found == changes.end() ? nullptr : &*found;
}

std::string changed(std::string_view line, const Change& change, std::string_view end) {
  const std::string why = fmt::format("{}{}{}", kMark, change.why, end);
  switch (change.how) {
    case Change::How::anew: return change.becomes;
    case Change::How::replaced: return fmt::format("{}#{}{}{}", why, line, end, change.becomes);
    case Change::How::left_out: return fmt::format("{}#{}", why, line);
    case Change::How::followed: return fmt::format("{}{}{}{}", line, end, why, change.becomes);
  }
  return std::string(line);
}

/// What the `include_dir` of the line reads.
OrMessage<void> include(SourceConfig& source, const ConfigLine& line) {
  if (line.value.empty()) return wrong(line.where + ": include_dir: needs a folder behind it");
  const auto names = conf_files(line.value);
  if (!names) return wrong(line.where + ": include_dir: " + names.error());
  for (const std::string& name : *names) {
    auto text = read_text_file(name);
    if (!text) return wrong(line.where + ": include_dir: " + name + text.error());
    std::ranges::move(split_config(*text, name, source.files.size()), std::back_inserter(source.lines));
    source.files.push_back({name, std::move(*text), line.value});
  }
  return {};
}

}  // namespace

OrMessage<SourceConfig> read_source(const std::string& path) {
  auto text = read_text_file(path);
  if (!text) return wrong(path + text.error());
  SourceConfig source;
  const std::vector<ConfigLine> lines = split_config(*text, path);
  source.files.push_back({path, std::move(*text), {}});
  for (const ConfigLine& line : lines) {
    if (line.name != "include_dir") {
      source.lines.push_back(line);
      continue;
    }
    if (auto included = include(source, line); !included) return wrong(std::move(included.error()));
    source.includes.push_back(line);
  }
  return source;
}

std::string changed_text(const SourceFile& file, const std::vector<Change>& changes) {
  std::string_view left = file.text;
  if (left.starts_with(kByteOrderMark)) left.remove_prefix(kByteOrderMark.size());
  std::string text;
  for (std::size_t number = 1; !left.empty(); ++number) {
    const auto size = std::min(left.find('\n'), left.size());
    std::string_view line = left.substr(0, size);
    const std::string_view cr = line.ends_with('\r') ? "\r" : "";
    const bool last = size == left.size();
    left.remove_prefix(last ? size : size + 1);
    line.remove_suffix(cr.size());
    const Change* const change = change_of(changes, fmt::format("{}:{}", file.path, number));
    const std::string end = fmt::format("{}\n", cr);
    text += change == nullptr ? std::string(line) : changed(line, *change, end);
    text += last ? std::string(cr) : end;
  }
  return text;
}

std::vector<ConfigLine> changed_lines(const std::vector<ConfigLine>& lines, const std::vector<Change>& changes,
                                      bool anew) {
  std::vector<ConfigLine> now;
  for (const ConfigLine& line : lines) {
    const Change* const change = change_of(changes, line.where);
    const bool stays =
        change == nullptr || change->how == Change::How::followed || (change->how == Change::How::anew && !anew);
    if (stays) now.push_back(line);
    if (change == nullptr || (stays && change->how == Change::How::anew)) continue;
    for (ConfigLine& added : split_config(change->becomes, line.where, line.file)) {
      added.where = line.where;
      now.push_back(std::move(added));
    }
  }
  return now;
}

void sort(std::vector<Change>& changes, const SourceConfig& source) {
  std::map<std::string, std::size_t> places;
  for (const SourceFile& file : source.files) {
    for (const ConfigLine& line : split_config(file.text, file.path)) places.try_emplace(line.where, places.size());
  }
  std::ranges::stable_sort(changes, {}, [&](const Change& each) { return places[each.line.where]; });
}

}  // namespace bramble::ctl
