#pragma once

#include <string>

#include "tools/bench/report.h"

namespace bramble::bench {

/// The report as one HTML page that needs nothing else: figures, options, machine, and charts of the latency (by
/// percentile, as a histogram), and of rates, latency and the broker's CPU and memory over time. Light or dark as the
/// reader's system is.
std::string page(const Report& report);

}  // namespace bramble::bench
