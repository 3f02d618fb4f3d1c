#pragma once

#include <optional>
#include <string>
#include <vector>

#include "tools/bench/output/json.h"
#include "tools/bench/progress.h"
#include "tools/bench/report.h"

namespace bramble::bench {

// What a worker tells of its part of a run, and how the parts become one.

Json::Object counts_json(const Counts& counts);
/// Nothing if it is not what counts_json makes.
std::optional<Counts> read_counts(const Json& json);
/// The sum of both; the names of the later.
void add_counts(Counts& to, const Counts& more);

/// Figures, latencies, and all that was said.
Json::Object part_json(const Report& report);

/// One report of all parts. Figures are added up as figure_of says; latency percentiles come from all latencies, not
/// from the percentiles of the parts; what a part said is told with its `name`. False if a part is none.
bool merge_parts(const std::vector<std::pair<std::string, Json>>& parts, Report& report);

}  // namespace bramble::bench
