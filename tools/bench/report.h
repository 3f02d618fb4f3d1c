#pragma once

#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

#include "tools/bench/histogram.h"
#include "tools/bench/output/json.h"
#include "tools/bench/progress.h"

namespace bramble::bench {

/// What a run found: figures in the order they were given, warnings, notes and faults, and for the charts every latency
/// and every second. It ends as a table for people and, if asked for, as JSON on one line whose keys scripts rely on,
/// and as a page (output/page.h).
/// Threads: the main thread.
class Report {
 public:
  struct Row {
    std::string key;
    std::string label;
    std::string unit;
    std::string shown;
    Json value;
  };

  void text(std::string_view key, std::string_view label, std::string value);
  /// `unit` is for the table only; the JSON value is `value` as it is, so it belongs into the key.
  void number(std::string_view key, std::string_view label, double value, std::string_view unit = {});
  /// p50 to max, in microseconds; nothing if nothing was recorded. A report has one latency.
  void latency(std::string_view label, const Histogram& histogram);

  void note(std::string text) { notes_.push_back(std::move(text)); }
  /// What makes figures doubtful, and what to do about it.
  void warning(std::string text) { warnings_.push_back(std::move(text)); }
  /// What makes the run a failure.
  void fault(std::string text) { faults_.push_back(std::move(text)); }
  /// Whatever else the JSON is to say, behind the figures: machine, options and the like.
  void about(std::string_view key, Json value) { about_.emplace_back(key, std::move(value)); }
  void seconds(std::vector<Second> seconds) { seconds_ = std::move(seconds); }

  bool failed() const { return !faults_.empty(); }
  const std::vector<Row>& rows() const { return rows_; }
  const Row* find(std::string_view key) const;
  const std::vector<std::string>& faults() const { return faults_; }
  const std::vector<std::string>& warnings() const { return warnings_; }
  const std::vector<std::string>& notes() const { return notes_; }
  const Json::Object& about() const { return about_; }
  const std::vector<Second>& seconds() const { return seconds_; }
  const Histogram& latencies() const { return latencies_; }
  const std::string& latency_label() const { return latency_label_; }

  Json json() const;
  void print_table(std::FILE* to) const;
  void print_json(std::FILE* to) const;

 private:
  std::vector<Row> rows_;
  std::string latency_label_;
  Histogram latencies_;
  std::vector<std::string> notes_;
  std::vector<std::string> warnings_;
  std::vector<std::string> faults_;
  Json::Object about_;
  std::vector<Second> seconds_;
};

/// The buckets that are not empty, as [[from_us, to_us, count], ...].
Json histogram_json(const Histogram& histogram);
Json second_json(const Second& second);

}  // namespace bramble::bench
