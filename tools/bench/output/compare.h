#pragma once

#include <string>
#include <vector>

#include "tools/bench/output/json.h"

namespace bramble::bench {

/// What became of one figure from one result to another.
struct Change {
  enum class Kind { same, better, worse, differs };  ///< differs: neither way is better

  std::string key;
  double before = 0;
  double after = 0;
  double percent = 0;  ///< of `before`; infinite if that was 0
  Kind kind = Kind::same;
};

struct Comparison {
  std::vector<Change> changes;      ///< figures that both results have, in the order of the later one
  std::vector<std::string> unlike;  ///< what was asked for or where it ran, if not the same: "qos 0 -> 1"
  bool worse = false;               ///< a figure got worse by more than the tolerance
};

/// Two results as `--json` prints them. A change within `tolerance` percent is none. The longest latency of a run
/// (max_us) is shown and never decides: it is one message of millions.
Comparison compare(const Json& before, const Json& after, double tolerance);

/// As a table for people.
std::string comparison_table(const Comparison& comparison);

/// `--compare A B`: reads both files, each with a result as its last line, and prints the table.
/// Returns the exit status: 0; 1 if a figure got worse; 2 if a file is no result.
int compare_files(const std::string& before, const std::string& after, double tolerance);

}  // namespace bramble::bench
