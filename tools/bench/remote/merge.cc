#include "tools/bench/remote/merge.h"

#include <algorithm>

#include "tools/bench/output/figures.h"

namespace bramble::bench {

namespace {

double number(std::uint64_t count) { return static_cast<double>(count); }

Json buckets_json(const Histogram& histogram) {
  Json::Array buckets;
  for (std::size_t i = 0; i < Histogram::kBuckets; ++i) {
    if (const auto times = histogram.in_bucket(i)) buckets.push_back(Json::Array{number(i), number(times)});
  }
  return buckets;
}

bool read_count(const Json* json, std::uint64_t& to) {
  const double* value = json ? json->number() : nullptr;
  if (!value || !(*value >= 0) || *value > 1e18) return false;
  to = static_cast<std::uint64_t>(*value);
  return true;
}

bool read_buckets(const Json* json, Histogram& to) {
  if (!json || !json->array()) return false;
  for (const auto& bucket : *json->array()) {
    std::uint64_t index = 0, times = 0;
    if (!bucket.array() || bucket.array()->size() != 2) return false;
    if (!read_count(&bucket.array()->at(0), index) || !read_count(&bucket.array()->at(1), times)) return false;
    if (index >= Histogram::kBuckets) return false;
    to.add(static_cast<std::size_t>(index), times);
  }
  return true;
}

/// A word that lives as long as the program, of the few that scenarios use: a Counts only points to its names.
std::string_view known_name(const std::string& name) {
  for (const std::string_view known : {"published", "delivered", "connects", "dropped"}) {
    if (known == name) return known;
  }
  return "counted";
}

Json texts(const std::vector<std::string>& list) { return Json::Array(list.begin(), list.end()); }

/// A figure of one part.
struct Value {
  double value = 0;
  double weight = 0;  ///< messages that the part counted
};

double merged(std::string_view key, const std::vector<Value>& values) {
  double sum = 0, most = values.front().value, weighted = 0, weight = 0;
  for (const auto& each : values) {
    sum += each.value;
    most = std::max(most, each.value);
    weighted += each.value * each.weight;
    weight += each.weight;
  }
  switch (figure_of(key).merged) {
    case Merged::sum: return sum;
    case Merged::mean: return weight > 0 ? weighted / weight : most;
    case Merged::most: return most;
  }
  return most;
}

const Json* row_of(const Json& part, std::string_view key) {
  const Json* rows = part.find("rows");
  if (!rows || !rows->array()) return nullptr;
  for (const auto& row : *rows->array()) {
    if (row.text_or("key", "") == key) return &row;
  }
  return nullptr;
}

double figure(const Json& part, std::string_view key) {
  const Json* row = row_of(part, key);
  return row ? row->number_or("value", 0) : 0;
}

/// What it counted that a figure may be a mean of.
double weight_of(const Json& part) {
  for (const auto* key : {"delivered", "published", "connected"}) {
    if (const double count = figure(part, key); count > 0) return count;
  }
  return 0;
}

void merge_row(const std::vector<std::pair<std::string, Json>>& parts, const Json& row, Report& report) {
  const std::string key = row.text_or("key", ""), label = row.text_or("label", "");
  if (const Json* text = row.find("value"); text && text->text()) return report.text(key, label, *text->text());
  std::vector<Value> values;
  for (const auto& [name, part] : parts) {
    if (const Json* same = row_of(part, key)) values.push_back({same->number_or("value", 0), weight_of(part)});
  }
  report.number(key, label, merged(key, values), row.text_or("unit", ""));
}

template <class Tell>
void pass_on(const Json& part, std::string_view what, const std::string& name, Tell&& tell) {
  const Json* list = part.find(what);
  if (!list || !list->array()) return;
  for (const auto& text : *list->array()) {
    if (text.text()) tell("worker " + name + ": " + *text.text());
  }
}

bool is_latency(std::string_view key) {
  return key == "max_us" || (key.starts_with('p') && key.ends_with("_us") && key.find_first_of("0123456789") == 1);
}

}  // namespace

Json::Object counts_json(const Counts& counts) {
  return {{"in_name", std::string(counts.in_name)},
          {"out_name", std::string(counts.out_name)},
          {"in", number(counts.in)},
          {"out", number(counts.out)},
          {"connected", number(counts.connected)},
          {"missing", number(counts.missing)},
          {"duplicates", number(counts.duplicates)},
          {"reordered", number(counts.reordered)},
          {"latency", buckets_json(counts.latency)}};
}

std::optional<Counts> read_counts(const Json& json) {
  Counts counts;
  std::uint64_t connected = 0;
  const bool good =
      read_count(json.find("in"), counts.in) && read_count(json.find("out"), counts.out) &&
      read_count(json.find("connected"), connected) && connected <= UINT32_MAX &&
      read_count(json.find("missing"), counts.missing) && read_count(json.find("duplicates"), counts.duplicates) &&
      read_count(json.find("reordered"), counts.reordered) && read_buckets(json.find("latency"), counts.latency);
  if (!good) return std::nullopt;
  counts.connected = static_cast<std::uint32_t>(connected);
  counts.in_name = known_name(json.text_or("in_name", ""));
  counts.out_name = known_name(json.text_or("out_name", ""));
  return counts;
}

void add_counts(Counts& to, const Counts& more) {
  to.in_name = more.in_name;
  to.out_name = more.out_name;
  to.in += more.in;
  to.out += more.out;
  to.connected += more.connected;
  to.missing += more.missing;
  to.duplicates += more.duplicates;
  to.reordered += more.reordered;
  to.latency.add(more.latency);
}

Json::Object part_json(const Report& report) {
  Json::Array rows;
  for (const auto& row : report.rows()) {
    rows.push_back(Json::Object{{"key", row.key}, {"label", row.label}, {"unit", row.unit}, {"value", row.value}});
  }
  return {{"rows", std::move(rows)},
          {"latency_label", report.latency_label()},
          {"latencies", buckets_json(report.latencies())},
          {"notes", texts(report.notes())},
          {"warnings", texts(report.warnings())},
          {"faults", texts(report.faults())}};
}

bool merge_parts(const std::vector<std::pair<std::string, Json>>& parts, Report& report) {
  Histogram latencies;
  const Json* fullest = nullptr;  // a part that failed early has fewer rows
  for (const auto& [name, part] : parts) {
    const Json* rows = part.find("rows");
    if (!rows || !rows->array() || !read_buckets(part.find("latencies"), latencies)) return false;
    if (!fullest || rows->array()->size() > fullest->find("rows")->array()->size()) fullest = &part;
  }
  if (!fullest) return false;
  bool told_latency = false;
  for (const auto& row : *fullest->find("rows")->array()) {
    if (!is_latency(row.text_or("key", ""))) {
      merge_row(parts, row, report);
    } else if (!told_latency) {
      report.latency(fullest->text_or("latency_label", "latency"), latencies);
      told_latency = true;
    }
  }
  for (const auto& [name, part] : parts) {
    pass_on(part, "notes", name, [&report](std::string text) { report.note(std::move(text)); });
    pass_on(part, "warnings", name, [&report](std::string text) { report.warning(std::move(text)); });
    pass_on(part, "faults", name, [&report](std::string text) { report.fault(std::move(text)); });
  }
  return true;
}

}  // namespace bramble::bench
