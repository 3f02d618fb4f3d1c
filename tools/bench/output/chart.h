#pragma once

#include <string>
#include <utility>
#include <vector>

namespace bramble::bench {

/// One direction of a chart: what lies between `low` and `high`, and where it says so.
struct Axis {
  std::string label;
  double low = 0;
  double high = 1;
  std::vector<std::pair<double, std::string>> ticks{};
};

using Points = std::vector<std::pair<double, double>>;

struct Series {
  std::string name;
  Points points;
};

struct Chart {
  std::string title;
  Axis x;
  Axis y;
  std::vector<Series> series;  ///< at most four: each has a colour of its own
  bool filled = false;         ///< the area below is filled
};

/// From 0 to a round number above `most`; `shown` turns a value into a label.
Axis linear_axis(std::string label, double most, std::string (*shown)(double));
/// Powers of ten around both, which are to be above 0. Points go by their log10.
Axis log_axis(std::string label, double least, double most, std::string (*shown)(double));

/// The chart as an SVG element that takes its colours from the page's style: classes grid, axis, s0 to s3.
std::string svg(const Chart& chart);

/// `text` as it may stand in HTML.
std::string escaped(std::string_view text);

}  // namespace bramble::bench
