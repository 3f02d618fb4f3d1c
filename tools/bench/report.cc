#include "tools/bench/report.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstdint>

#include "tools/bench/histogram.h"

namespace bramble::bench {

namespace {

std::string printed(const char* format, int digits, double value) {
  std::array<char, 64> text{};
  const int size = std::snprintf(text.data(), text.size(), format, digits, value);
  return std::string(text.data(), static_cast<std::size_t>(std::clamp(size, 0, 63)));
}

bool whole(double value) { return value == std::floor(value) && std::abs(value) < 1e15; }

/// Four digits for people, with a space before each group of three: 1 234 567.
std::string for_people(double value) {
  const int decimals = whole(value) || std::abs(value) >= 1000 ? 0 : std::abs(value) >= 10 ? 2 : 3;
  std::string text = printed("%.*f", decimals, value);
  const std::size_t first = text.front() == '-' ? 1 : 0;
  for (std::size_t at = std::min(text.find('.'), text.size()); at > first + 3; at -= 3) text.insert(at - 3, 1, ' ');
  return text;
}

std::string for_scripts(double value) {
  return std::isfinite(value) ? printed("%.*g", whole(value) ? 15 : 7, value) : "null";
}

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
  }
  return out + "\"";
}

std::string quoted_list(const std::vector<std::string>& texts) {
  std::string out = "[";
  for (const auto& text : texts) out += (out.size() > 1 ? "," : "") + quoted(text);
  return out + "]";
}

}  // namespace

void Report::text(std::string_view key, std::string_view label, std::string value) {
  rows_.push_back({std::string(key), std::string(label), value, quoted(value)});
}

void Report::number(std::string_view key, std::string_view label, double value, std::string_view unit) {
  std::string shown = for_people(value);
  if (!unit.empty()) shown += " " + std::string(unit);
  rows_.push_back({std::string(key), std::string(label), std::move(shown), for_scripts(value)});
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
  for (const auto& point : kPoints) {
    const std::chrono::duration<double, std::micro> value = histogram.percentile(point.share);
    number(point.key, std::string(label) + " " + point.name, value.count(), "us");
  }
}

void Report::print_table(std::FILE* to) const {
  std::size_t label_width = 0;
  for (const auto& row : rows_) label_width = std::max(label_width, row.label.size());
  for (const auto& row : rows_) {
    std::fprintf(to, "%-*s  %s\n", static_cast<int>(label_width), row.label.c_str(), row.shown.c_str());
  }
  for (const auto& note : notes_) std::fprintf(to, "note: %s\n", note.c_str());
  for (const auto& fault : faults_) std::fprintf(to, "FAULT: %s\n", fault.c_str());
}

void Report::print_json(std::FILE* to) const {
  std::string line = "{";
  for (const auto& row : rows_) line += quoted(row.key) + ":" + row.json + ",";
  line += "\"notes\":" + quoted_list(notes_) + ",\"faults\":" + quoted_list(faults_) + "}\n";
  std::fputs(line.c_str(), to);
}

}  // namespace bramble::bench
