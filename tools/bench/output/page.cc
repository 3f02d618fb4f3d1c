#include "tools/bench/output/page.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <optional>

#include "tools/bench/output/chart.h"
#include "tools/bench/output/numbers.h"

namespace bramble::bench {

namespace {

constexpr std::string_view kStyle = R"(
:root { --back: #fbfbfa; --card: #ffffff; --text: #1f2328; --quiet: #656d76; --line: #d9dde1;
  --s0: #1f66d1; --s1: #d1690d; --s2: #2b8a3e; --s3: #8a3fb5; --bad: #b42318; --warn: #8a5a00; }
@media (prefers-color-scheme: dark) {
  :root { --back: #14171a; --card: #1d2125; --text: #e6e8ea; --quiet: #9aa3ab; --line: #363c42;
    --s0: #77aaff; --s1: #ffab5e; --s2: #6bd08a; --s3: #d49bf5; --bad: #ff8f85; --warn: #f0c060; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 24px; max-width: 1240px; background: var(--back); color: var(--text);
  font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 26px; margin: 0; } h2 { font-size: 17px; margin: 28px 0 10px; }
.quiet { color: var(--quiet); margin: 2px 0 18px; }
.tiles { display: grid; grid-template-columns: repeat(4, 1fr); gap: 12px; }
@media (max-width: 760px) { .tiles { grid-template-columns: repeat(2, 1fr); } }
.tile, .card { background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: 12px 14px; }
.tile b { display: block; font-size: 21px; font-variant-numeric: tabular-nums; } .tile span { color: var(--quiet); }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 480px), 1fr)); gap: 14px; }
.card { padding: 8px; } svg { display: block; width: 100%; height: auto; }
.said { border-left: 4px solid var(--warn); padding: 6px 12px; margin: 10px 0; background: var(--card); }
.fault { border-color: var(--bad); } .said b { color: var(--warn); } .fault b { color: var(--bad); }
.note { border-color: var(--line); } .note b { color: var(--quiet); }
.tables { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 360px), 1fr)); gap: 0 28px; }
table { border-collapse: collapse; width: 100%; } td { padding: 4px 0; border-bottom: 1px solid var(--line); }
td:last-child { text-align: right; font-variant-numeric: tabular-nums; overflow-wrap: anywhere; padding-left: 12px; }
.tick { font: 12px system-ui, sans-serif; fill: var(--quiet); } .title { font: 600 14px system-ui, sans-serif; fill: var(--text); }
.grid { stroke: var(--line); stroke-width: 1; } .axis { stroke: var(--quiet); stroke-width: 1; }
.line { fill: none; stroke-width: 1.8; stroke-linejoin: round; } .area { stroke: none; opacity: 0.2; }
.s0 { stroke: var(--s0); fill: var(--s0); } .s1 { stroke: var(--s1); fill: var(--s1); }
.s2 { stroke: var(--s2); fill: var(--s2); } .s3 { stroke: var(--s3); fill: var(--s3); }
path.line { fill: none; } path.area { stroke: none; }
)";

std::string time_text(double us) {
  if (us >= 1e6) return in_short(us / 1e6) + " s";
  if (us >= 1e3) return in_short(us / 1e3) + " ms";
  return in_short(us) + " µs";
}

/// A round number of an axis: 1.5M rather than 1.50M.
std::string tick_text(double value) {
  std::string text = in_short(value), unit;
  while (!text.empty() && std::isalpha(static_cast<unsigned char>(text.back()))) {
    unit.insert(0, 1, text.back());
    text.pop_back();
  }
  if (text.find('.') != std::string::npos) {
    text.erase(text.find_last_not_of('0') + 1);
    if (text.back() == '.') text.pop_back();
  }
  return text + unit;
}

std::string time_tick(double us) {
  return us >= 1e6 ? tick_text(us / 1e6) + " s" : us >= 1e3 ? tick_text(us / 1e3) + " ms" : tick_text(us) + " µs";
}

double microseconds(std::chrono::nanoseconds time) { return std::chrono::duration<double, std::micro>(time).count(); }

double log_of(double us) { return std::log10(std::max(us, 0.1)); }

/// Latency against how many nines of all messages had at most that.
Chart percentile_chart(const Histogram& latencies) {
  constexpr std::array<std::pair<double, const char*>, 8> kNines{{{0, "0"},
                                                                  {std::log10(2), "50"},
                                                                  {1, "90"},
                                                                  {2, "99"},
                                                                  {3, "99.9"},
                                                                  {4, "99.99"},
                                                                  {5, "99.999"},
                                                                  {6, "99.9999"}}};
  const double high = std::clamp(std::ceil(std::log10(static_cast<double>(latencies.count()))), 1.0, 6.0);
  Axis x{.label = "percentile", .high = high};
  for (const auto& [nines, name] : kNines) {
    if (nines <= high) x.ticks.emplace_back(nines, name);
  }
  Points points;
  for (double nines = 0; nines <= high; nines += 0.02) {
    points.emplace_back(nines, log_of(microseconds(latencies.percentile(1 - std::pow(10, -nines)))));
  }
  return {
      .title = "Latency by percentile",
      .x = std::move(x),
      .y = log_axis("", microseconds(latencies.percentile(0)) + 0.1, microseconds(latencies.percentile(1)), time_tick),
      .series = {{"latency", std::move(points)}}};
}

/// How many messages had which latency, in steps of the logarithm.
Chart histogram_chart(const Histogram& latencies) {
  const double least = log_of(microseconds(latencies.percentile(0))),
               most = log_of(microseconds(latencies.percentile(1)));
  constexpr double kStep = 0.04;
  const auto step_of = [least](double at) { return static_cast<std::size_t>(std::max(at - least, 0.0) / kStep); };
  std::vector<double> counts(step_of(most) + 1);
  for (std::size_t i = 0; i < Histogram::kBuckets; ++i) {
    if (latencies.in_bucket(i) == 0) continue;
    counts[std::min(step_of(log_of(microseconds(Histogram::value_of(i)))), counts.size() - 1)] +=
        static_cast<double>(latencies.in_bucket(i));
  }
  Points points;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    const double from = least + static_cast<double>(i) * kStep;
    const double share = counts[i] / static_cast<double>(latencies.count()) * 100;
    points.emplace_back(from, share);
    points.emplace_back(from + kStep, share);
  }
  const double highest = *std::max_element(counts.begin(), counts.end()) / static_cast<double>(latencies.count()) * 100;
  return {.title = "Latency histogram, % of messages",
          .x = log_axis("latency", std::pow(10, least), std::pow(10, most), time_tick),
          .y = linear_axis("", highest, tick_text),
          .series = {{"messages", std::move(points)}},
          .filled = true};
}

struct Over {
  const char* name;
  double (*value)(const Second&);
};

std::optional<Chart> time_chart(const char* title, const std::vector<Second>& seconds, std::vector<Over> what,
                                std::string (*shown)(double)) {
  Chart chart{.title = title, .x = linear_axis("seconds", seconds.back().at, tick_text), .y = {}, .series = {}};
  chart.x.high = seconds.back().at;
  std::erase_if(chart.x.ticks, [&chart](const auto& tick) { return tick.first > chart.x.high; });
  double most = 0;
  for (const auto& over : what) {
    Series series{.name = over.name, .points = {}};
    double highest = 0;
    for (const auto& second : seconds) {
      series.points.emplace_back(second.at, over.value(second));
      highest = std::max(highest, series.points.back().second);
    }
    if (highest > 0) chart.series.push_back(std::move(series));
    most = std::max(most, highest);
  }
  if (most == 0) return std::nullopt;
  chart.y = linear_axis("", most, shown);
  return chart;
}

std::string charts(const Report& report) {
  std::string out;
  const auto add = [&out](const std::optional<Chart>& chart) {
    if (chart) out += "<div class=\"card\">" + svg(*chart) + "</div>\n";
  };
  if (report.latencies().count() > 0) {
    add(percentile_chart(report.latencies()));
    add(histogram_chart(report.latencies()));
  }
  const auto& seconds = report.seconds();
  if (seconds.size() > 1) {
    add(time_chart(
        "Rate, a second", seconds,
        {{"in", [](const Second& s) { return s.in_per_s; }}, {"out", [](const Second& s) { return s.out_per_s; }}},
        tick_text));
    std::vector<Second> timed = seconds;  // but for those in which nothing came
    std::erase_if(timed, [](const Second& second) { return second.p99_us == 0; });
    if (timed.size() > 1)
      add(time_chart(
          "Latency of each second", timed,
          {{"p50", [](const Second& s) { return s.p50_us; }}, {"p99", [](const Second& s) { return s.p99_us; }}},
          time_tick));
    add(time_chart("CPUs used by the broker", seconds,
                   {{"cores", [](const Second& s) { return s.broker_cores.value_or(0); }}}, tick_text));
    add(time_chart("Broker's memory, MiB", seconds, {{"MiB", [](const Second& s) { return s.broker_mb.value_or(0); }}},
                   tick_text));
    add(time_chart("Share of a CPU used by the generator's busiest thread", seconds,
                   {{"share", [](const Second& s) { return s.busiest_thread; }}}, tick_text));
  }
  return out.empty() ? "" : "<h2>Charts</h2>\n<div class=\"charts\">\n" + out + "</div>\n";
}

std::string row(const std::string& name, const std::string& value) {
  return "<tr><td>" + escaped(name) + "</td><td>" + escaped(value) + "</td></tr>\n";
}

std::string table(const std::string& title, const std::string& rows) {
  if (rows.empty()) return {};
  return "<div><h2>" + title + "</h2>\n<table>\n" + rows + "</table></div>\n";
}

std::string shown(const Json& value) {
  return value.text() ? *value.text() : value.number() ? for_people(*value.number()) : value.dump();
}

std::string member_rows(const Json::Object& about, std::string_view name) {
  std::string rows;
  const Json all(about);
  const Json* group = all.find(name);
  if (!group || !group->object()) return rows;
  for (const auto& [key, value] : *group->object()) rows += row(key, shown(value));
  return rows;
}

std::string tiles(const Report& report) {
  constexpr std::array<std::string_view, 10> kKeys{
      "delivered_per_s", "published_per_s", "connects_per_s", "p50_us", "p99_us",
      "p9999_us",        "cpu_per_M",       "rss_mb",         "lost",   "connected"};
  std::string out;
  for (const auto key : kKeys) {
    const auto* figure = report.find(key);
    if (!figure) continue;
    const bool time = key.ends_with("_us") && figure->value.number();
    out += "<div class=\"tile\"><b>" + escaped(time ? time_text(*figure->value.number()) : figure->shown) +
           "</b><span>" + escaped(figure->label) + "</span></div>\n";
  }
  return "<div class=\"tiles\">\n" + out + "</div>\n";
}

std::string said(const std::vector<std::string>& texts, const char* style, const char* what) {
  std::string out;
  for (const auto& text : texts) {
    out += std::string("<div class=\"said ") + style + "\"><b>" + what + "</b> " + escaped(text) + "</div>\n";
  }
  return out;
}

}  // namespace

std::string page(const Report& report) {
  const Json about(report.about());
  const auto* scenario = report.find("scenario");
  const auto* loop = report.find("loop");
  const std::string title = "bramble-bench " + (scenario ? scenario->shown : std::string());
  std::string figures;
  for (const auto& figure : report.rows()) figures += row(figure.label, figure.shown);
  return "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
         "<meta name=\"viewport\" content=\"width=device-width\"><meta name=\"color-scheme\" content=\"light dark\">"
         "<title>" +
         escaped(title) + "</title>\n<style>" + std::string(kStyle) + "</style></head><body>\n<h1>" + escaped(title) +
         "</h1>\n<p class=\"quiet\">" + escaped(about.text_or("time", "")) + " &middot; " +
         escaped(about.text_or("tool", "")) + " &middot; loop " + escaped(loop ? loop->shown : std::string()) +
         "</p>\n" + tiles(report) + said(report.faults(), "fault", "Fault:") +
         said(report.warnings(), "warning", "Warning:") + said(report.notes(), "note", "Note:") + charts(report) +
         "<div class=\"tables\">\n" + table("Figures", figures) + "<div>" +
         table("Options given", member_rows(report.about(), "options")) +
         table("Machine", member_rows(report.about(), "machine")) + "</div></div>\n</body></html>\n";
}

}  // namespace bramble::bench
