#include "tools/bench/output/chart.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "tools/bench/output/numbers.h"

namespace bramble::bench {

namespace {

// In the SVG's own units: the page scales it.
constexpr double kWidth = 560, kHeight = 300;
constexpr double kLeft = 64, kRight = 16, kTop = 40, kBottom = 48;

/// More points than this are drawn as the highest and the lowest of each group.
constexpr std::size_t kPointsMax = 1'000;

double place(const Axis& axis, double value) {
  const double span = axis.high - axis.low;
  return span > 0 ? std::clamp((value - axis.low) / span, 0.0, 1.0) : 0;
}

double x_of(const Chart& chart, double value) { return kLeft + place(chart.x, value) * (kWidth - kLeft - kRight); }
double y_of(const Chart& chart, double value) {
  return kHeight - kBottom - place(chart.y, value) * (kHeight - kTop - kBottom);
}

std::string text_at(double x, double y, const char* anchor, const char* style, const std::string& text) {
  return "<text x=\"" + fixed(x, 1) + "\" y=\"" + fixed(y, 1) + "\" text-anchor=\"" + anchor + "\" class=\"" + style +
         "\">" + escaped(text) + "</text>\n";
}

std::string line(double x1, double y1, double x2, double y2, const char* style) {
  return "<line x1=\"" + fixed(x1, 1) + "\" y1=\"" + fixed(y1, 1) + "\" x2=\"" + fixed(x2, 1) + "\" y2=\"" +
         fixed(y2, 1) + "\" class=\"" + style + "\"/>\n";
}

std::string grid(const Chart& chart) {
  std::string out;
  const double bottom = kHeight - kBottom;
  for (const auto& [value, label] : chart.y.ticks) {
    const double y = y_of(chart, value);
    out += line(kLeft, y, kWidth - kRight, y, "grid") + text_at(kLeft - 6, y + 4, "end", "tick", label);
  }
  for (const auto& [value, label] : chart.x.ticks) {
    const double x = x_of(chart, value);
    out += line(x, bottom, x, bottom + 4, "axis") +
           text_at(x, bottom + 18, x > kWidth - 2 * kRight ? "end" : "middle", "tick", label);
  }
  return out + line(kLeft, bottom, kWidth - kRight, bottom, "axis");
}

/// Of each group of neighbours the lowest and the highest, in the order in which they came.
Points thinned(const Points& points) {
  if (points.size() <= kPointsMax) return points;
  const std::size_t group = 2 * points.size() / kPointsMax + 1;
  Points few;
  for (std::size_t from = 0; from < points.size(); from += group) {
    const auto begin = points.begin() + static_cast<std::ptrdiff_t>(from);
    const auto end = points.begin() + static_cast<std::ptrdiff_t>(std::min(from + group, points.size()));
    auto [low, high] =
        std::minmax_element(begin, end, [](const auto& a, const auto& b) { return a.second < b.second; });
    if (low > high) std::swap(low, high);
    few.push_back(*low);
    if (low != high) few.push_back(*high);
  }
  return few;
}

std::string curve(const Chart& chart, const Points& all, std::size_t number) {
  const Points points = thinned(all);
  if (points.empty()) return {};
  std::string path;
  for (const auto& [x, y] : points) {
    path += (path.empty() ? "M" : "L") + fixed(x_of(chart, x), 1) + " " + fixed(y_of(chart, y), 1);
  }
  const std::string style = "s" + std::to_string(number);
  std::string out;
  if (chart.filled) {
    const std::string bottom = fixed(kHeight - kBottom, 1);
    out += "<path class=\"" + style + " area\" d=\"" + path + "L" + fixed(x_of(chart, points.back().first), 1) + " " +
           bottom + "L" + fixed(x_of(chart, points.front().first), 1) + " " + bottom + "Z\"/>\n";
  }
  return out + "<path class=\"" + style + " line\" d=\"" + path + "\"/>\n";
}

std::string legend(const Chart& chart) {
  std::string out;
  double right = kWidth - kRight;
  for (std::size_t i = chart.series.size(); i-- > 0;) {
    out += text_at(right, 20, "end", "tick", chart.series[i].name);
    right -= 7.0 * static_cast<double>(chart.series[i].name.size()) + 22;
    out += "<path class=\"s" + std::to_string(i) + " line\" d=\"M" + fixed(right, 1) + " 16h14\"/>\n";
    right -= 12;
  }
  return out;
}

}  // namespace

Axis linear_axis(std::string label, double most, std::string (*shown)(double)) {
  Axis axis{.label = std::move(label)};
  const double wanted = std::max(most, 1e-9) / 4;
  const double power = std::pow(10, std::floor(std::log10(wanted)));
  double step = power * 10;
  for (const double round : {1.0, 2.0, 2.5, 5.0}) {
    if (round * power < wanted) continue;
    step = round * power;
    break;
  }
  axis.high = step * std::max(std::ceil(most / step - 1e-9), 1.0);
  for (double value = 0; value <= axis.high + step / 2; value += step) axis.ticks.emplace_back(value, shown(value));
  return axis;
}

Axis log_axis(std::string label, double least, double most, std::string (*shown)(double)) {
  Axis axis{.label = std::move(label), .low = std::floor(std::log10(least)), .high = std::ceil(std::log10(most))};
  if (axis.high <= axis.low) axis.high = axis.low + 1;
  for (double power = axis.low; power <= axis.high; ++power) axis.ticks.emplace_back(power, shown(std::pow(10, power)));
  return axis;
}

std::string svg(const Chart& chart) {
  std::string out = "<svg viewBox=\"0 0 " + fixed(kWidth, 0) + " " + fixed(kHeight, 0) +
                    "\" role=\"img\" aria-label=\"" + escaped(chart.title) + "\">\n";
  out += text_at(8, 20, "start", "title", chart.title);
  out += grid(chart);
  out += text_at((kLeft + kWidth - kRight) / 2, kHeight - 8, "middle", "tick", chart.x.label);
  for (std::size_t i = 0; i < chart.series.size(); ++i) out += curve(chart, chart.series[i].points, i);
  if (chart.series.size() > 1) out += legend(chart);
  return out + "</svg>\n";
}

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&quot;"; break;
      default: out += c;
    }
  }
  return out;
}

}  // namespace bramble::bench
