#pragma once

#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

namespace bramble::bench {

class Histogram;

/// What a run found: figures in the order they were given, notes, and faults. It ends as a table for people and, if
/// asked for, as one JSON object on one line whose keys scripts rely on.
/// Threads: the main thread.
class Report {
 public:
  void text(std::string_view key, std::string_view label, std::string value);
  /// `unit` is for the table only; the JSON value is `value` as it is, so it belongs into the key.
  void number(std::string_view key, std::string_view label, double value, std::string_view unit = {});
  /// p50 to max, in microseconds; nothing if nothing was recorded.
  void latency(std::string_view label, const Histogram& histogram);

  void note(std::string text) { notes_.push_back(std::move(text)); }
  /// What makes the run a failure.
  void fault(std::string text) { faults_.push_back(std::move(text)); }
  bool failed() const { return !faults_.empty(); }
  const std::vector<std::string>& faults() const { return faults_; }
  const std::vector<std::string>& notes() const { return notes_; }

  void print_table(std::FILE* to) const;
  void print_json(std::FILE* to) const;

 private:
  struct Row {
    std::string key;
    std::string label;
    std::string shown;
    std::string json;
  };

  std::vector<Row> rows_;
  std::vector<std::string> notes_;
  std::vector<std::string> faults_;
};

}  // namespace bramble::bench
