#include "tools/bench/report.h"

#include <algorithm>
#include <array>
#include <chrono>

#include "tools/bench/output/numbers.h"

namespace bramble::bench {

namespace {

double microseconds(std::chrono::nanoseconds time) { return std::chrono::duration<double, std::micro>(time).count(); }

Json texts(const std::vector<std::string>& list) { return Json::Array(list.begin(), list.end()); }

}  // namespace

void Report::text(std::string_view key, std::string_view label, std::string value) {
  rows_.push_back({std::string(key), std::string(label), {}, value, value});
}

void Report::number(std::string_view key, std::string_view label, double value, std::string_view unit) {
  std::string shown = for_people(value);
  if (!unit.empty()) shown += " " + std::string(unit);
  rows_.push_back({std::string(key), std::string(label), std::string(unit), std::move(shown), value});
}

void Report::latency(std::string_view label, const Histogram& histogram) {
  struct Point {
    const char* key;
    const char* name;
    double share;
  };
  constexpr std::array<Point, 6> kPoints{{{"p50_us", "p50", 0.5},
                                          {"p90_us", "p90", 0.9},
                                          {"p99_us", "p99", 0.99},
                                          {"p999_us", "p99.9", 0.999},
                                          {"p9999_us", "p99.99", 0.9999},
                                          {"max_us", "max", 1}}};
  if (histogram.count() == 0) return;
  latency_label_ = label;
  latencies_ = histogram;
  for (const auto& point : kPoints) {
    number(point.key, std::string(label) + " " + point.name, microseconds(histogram.percentile(point.share)), "us");
  }
}

const Report::Row* Report::find(std::string_view key) const {
  const auto row = std::find_if(rows_.begin(), rows_.end(), [key](const Row& each) { return each.key == key; });
  return row == rows_.end() ? nullptr : &*row;
}

Json Report::json() const {
  Json::Object members;
  for (const auto& row : rows_) members.emplace_back(row.key, row.value);
  members.emplace_back("notes", texts(notes_));
  members.emplace_back("warnings", texts(warnings_));
  members.emplace_back("faults", texts(faults_));
  members.insert(members.end(), about_.begin(), about_.end());
  members.emplace_back("histogram", histogram_json(latencies_));
  Json::Array seconds;
  for (const auto& second : seconds_) seconds.push_back(second_json(second));
  members.emplace_back("seconds", std::move(seconds));
  return members;
}

void Report::print_table(std::FILE* to) const {
  std::size_t label_width = 0;
  for (const auto& row : rows_) label_width = std::max(label_width, row.label.size());
  for (const auto& row : rows_) {
    std::fprintf(to, "%-*s  %s\n", static_cast<int>(label_width), row.label.c_str(), row.shown.c_str());
  }
  for (const auto& note : notes_) std::fprintf(to, "note: %s\n", note.c_str());
  for (const auto& warning : warnings_) std::fprintf(to, "WARNING: %s\n", warning.c_str());
  for (const auto& fault : faults_) std::fprintf(to, "FAULT: %s\n", fault.c_str());
}

void Report::print_json(std::FILE* to) const { std::fprintf(to, "%s\n", json().dump().c_str()); }

Json histogram_json(const Histogram& histogram) {
  Json::Array buckets;
  for (std::size_t i = 0; i < Histogram::kBuckets; ++i) {
    if (histogram.in_bucket(i) == 0) continue;
    buckets.push_back(Json::Array{microseconds(Histogram::lowest_of(i)), microseconds(Histogram::lowest_of(i + 1)),
                                  static_cast<double>(histogram.in_bucket(i))});
  }
  return buckets;
}

Json second_json(const Second& second) {
  Json::Object members{{"at", second.at},
                       {"phase", second.phase},
                       {"in_per_s", second.in_per_s},
                       {"out_per_s", second.out_per_s},
                       {"p50_us", second.p50_us},
                       {"p99_us", second.p99_us},
                       {"connected", static_cast<double>(second.connected)},
                       {"busiest_thread", second.busiest_thread},
                       {"machine_busy", second.machine_busy}};
  if (second.broker_cores) members.emplace_back("broker_cores", *second.broker_cores);
  if (second.broker_mb) members.emplace_back("broker_mb", *second.broker_mb);
  return members;
}

}  // namespace bramble::bench
