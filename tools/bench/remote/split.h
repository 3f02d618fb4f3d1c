#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tools/bench/options.h"

namespace bramble::bench {

/// The command line of each worker.
using Parts = std::vector<std::vector<std::string>>;

/// Shares out the clients of a scenario, and with them the rate and the count. Whoever sends and whoever is to receive
/// it stay on one worker, so that every message is checked and timed by one process with one clock; publishers of
/// different workers use different topics. Only the subscribers of a fanout hear publishers of another worker, the
/// first (see Team). Returns why it cannot be split so, empty if it can.
std::string split(std::string_view scenario, const Options& options, std::size_t workers, Parts& parts);

}  // namespace bramble::bench
