#include "tools/bench/output/compare.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <limits>

#include "tools/bench/output/figures.h"
#include "tools/bench/output/numbers.h"

namespace bramble::bench {

namespace {

/// Members of a result that say how it came about; a comparison between unlike ones says so.
constexpr std::array<std::string_view, 9> kCircumstances{"scenario", "version", "qos",     "pubs", "subs",
                                                         "clients",  "size",    "threads", "rate"};
/// Options that say nothing of what was measured.
constexpr std::array<std::string_view, 9> kAside{"host",   "port",      "pid",        "json",    "quiet",
                                                 "report", "client-id", "prometheus", "duration"};
constexpr std::array<std::string_view, 3> kMachine{"cpu", "cores", "kernel"};

template <class List>
bool contains(const List& list, std::string_view key) {
  return std::find(list.begin(), list.end(), key) != list.end();
}

std::string shown(const Json* value) {
  if (!value) return "-";
  return value->text() ? *value->text() : value->number() ? for_people(*value->number()) : "-";
}

void note_unlike(const Json& before, const Json& after, std::string_view key, Comparison& into) {
  const std::string was = shown(before.find(key)), is = shown(after.find(key));
  if (was != is) into.unlike.push_back(std::string(key) + " " + was + " -> " + is);
}

/// The options that were given to one and not to the other, or not alike.
void note_unlike_options(const Json& before, const Json& after, Comparison& into) {
  const Json nothing;
  const Json *was = before.find("options"), *is = after.find("options");
  std::vector<std::string> names;
  for (const Json* options : {was, is}) {
    if (!options || !options->object()) continue;
    for (const auto& [name, value] : *options->object()) {
      if (!contains(names, name) && !contains(kAside, name) && !contains(kCircumstances, name)) names.push_back(name);
    }
  }
  for (const auto& name : names) note_unlike(was ? *was : nothing, is ? *is : nothing, name, into);
}

Change change_of(std::string key, double before, double after, double tolerance) {
  Change change{.key = std::move(key), .before = before, .after = after};
  if (before != after) {
    change.percent = before != 0 ? (after - before) / std::abs(before) * 100
                                 : std::copysign(std::numeric_limits<double>::infinity(), after);
  }
  if (std::abs(change.percent) <= tolerance) return change;
  const auto better = figure_of(change.key).better;
  change.kind = better == Better::neither                            ? Change::Kind::differs
                : (better == Better::higher) == (change.percent > 0) ? Change::Kind::better
                                                                     : Change::Kind::worse;
  return change;
}

std::string_view word(Change::Kind kind) {
  switch (kind) {
    case Change::Kind::better: return "better";
    case Change::Kind::worse: return "WORSE";
    default: return "";
  }
}

std::string percent_text(const Change& change) {
  if (std::isinf(change.percent)) return change.percent > 0 ? "from 0" : "below 0";
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%+.1f %%", change.percent);
  return text.data();
}

std::optional<Json> read_result(const std::string& path) {
  std::ifstream file(path);
  std::string line, last;
  while (std::getline(file, line)) {
    if (!line.empty()) last = line;
  }
  auto result = Json::parse(last);
  if (result && result->find("scenario")) return result;
  std::fprintf(stderr, "bramble-bench: %s is no result of --json\n", path.c_str());
  return std::nullopt;
}

}  // namespace

Comparison compare(const Json& before, const Json& after, double tolerance) {
  Comparison comparison;
  for (const auto key : kCircumstances) note_unlike(before, after, key, comparison);
  note_unlike_options(before, after, comparison);
  const Json nothing;
  const Json *was_on = before.find("machine"), *is_on = after.find("machine");
  for (const auto key : kMachine) {
    note_unlike(was_on ? *was_on : nothing, is_on ? *is_on : nothing, key, comparison);
  }
  if (!after.object()) return comparison;
  for (const auto& [key, value] : *after.object()) {
    const Json* old = before.find(key);
    if (!value.number() || !old || !old->number() || contains(kCircumstances, key)) continue;
    comparison.changes.push_back(change_of(key, *old->number(), *value.number(), tolerance));
    const auto& change = comparison.changes.back();
    if (change.kind == Change::Kind::worse && change.key != "max_us") comparison.worse = true;
  }
  return comparison;
}

std::string comparison_table(const Comparison& comparison) {
  std::string table;
  const auto line = [&table](std::string_view a, std::string_view b, std::string_view c, std::string_view d,
                             std::string_view e) {
    std::array<char, 160> text{};
    std::snprintf(text.data(), text.size(), "%-22.*s %15.*s %15.*s %10.*s  %.*s\n", static_cast<int>(a.size()),
                  a.data(), static_cast<int>(b.size()), b.data(), static_cast<int>(c.size()), c.data(),
                  static_cast<int>(d.size()), d.data(), static_cast<int>(e.size()), e.data());
    table += text.data();
  };
  line("", "before", "after", "change", "");
  for (const auto& change : comparison.changes) {
    line(change.key, for_people(change.before), for_people(change.after), percent_text(change), word(change.kind));
  }
  for (const auto& what : comparison.unlike) table += "not the same: " + what + "\n";
  return table;
}

int compare_files(const std::string& before, const std::string& after, double tolerance) {
  const auto was = read_result(before), is = read_result(after);
  if (!was || !is) return 2;
  const Comparison comparison = compare(*was, *is, tolerance);
  std::fputs(comparison_table(comparison).c_str(), stdout);
  return comparison.worse ? 1 : 0;
}

}  // namespace bramble::bench
