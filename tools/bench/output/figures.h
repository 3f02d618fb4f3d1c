#pragma once

#include <string_view>

namespace bramble::bench {

/// Which way a figure should go.
enum class Better { lower, higher, neither };

/// What a figure of several workers is in the report of them all.
enum class Merged {
  sum,   ///< counts, and rates of workers that run at the same time
  mean,  ///< each worker's, by the messages that it counted
  most,  ///< the largest
};

/// What the key of a figure means, for whoever compares or adds up results.
struct Figure {
  Better better = Better::neither;
  Merged merged = Merged::most;
};

/// By a table of the keys; a key that is not in it by what is in its name: `cpu_` is a cost, and so are the units
/// `_us`,
/// `_ms`, `_s`, `_b`, `_mb` and `_per_M`; `_per_s` is a rate; anything else only describes the run.
Figure figure_of(std::string_view key);

}  // namespace bramble::bench
