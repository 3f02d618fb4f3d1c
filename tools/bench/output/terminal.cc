#include "tools/bench/output/terminal.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <sys/ioctl.h>
#include <unistd.h>

#include "tools/bench/output/numbers.h"

namespace bramble::bench {

namespace {

constexpr std::size_t kBarWidth = 30;
constexpr std::size_t kSparkWidth = 60;

/// At most so many characters of UTF-8.
std::string cut(const std::string& text, std::size_t characters) {
  std::size_t seen = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool begins = (static_cast<unsigned char>(text[i]) & 0xC0) != 0x80;
    if (begins && seen++ == characters) return text.substr(0, i);
  }
  return text;
}

std::string left(std::string text, std::size_t width) {
  text.resize(std::max(text.size(), width), ' ');
  return text;
}

std::string right(const std::string& text, std::size_t width) {
  return std::string(width - std::min(width, text.size()), ' ') + text;
}

std::string repeated(std::string_view what, std::size_t times) {
  std::string text;
  for (std::size_t i = 0; i < times; ++i) text += what;
  return text;
}

std::string bar(double share, bool unicode) {
  const auto full = static_cast<std::size_t>(std::lround(std::clamp(share, 0.0, 1.0) * kBarWidth));
  return repeated(unicode ? "█" : "#", full) + repeated(unicode ? "░" : ".", kBarWidth - full);
}

std::string clock_time(double seconds) {
  const auto whole = static_cast<long>(std::lround(seconds));
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), whole < 3600 ? "%02ld:%02ld" : "%ld:%02ld", whole / 60, whole % 60);
  return text.data();
}

std::string milliseconds(double us) {
  if (us == 0) return right("-", 9) + "   ";  // nothing came
  return right(fixed(us / 1e3, us < 1e4 ? 3 : 1), 9) + " ms";
}

/// The mean over the seconds of this phase.
double mean(const Moment& moment, double Second::*rate) {
  double sum = 0;
  int seconds = 0;
  for (const auto& second : moment.seconds) {
    if (second.phase != moment.phase) continue;
    sum += second.*rate;
    ++seconds;
  }
  return seconds > 0 ? sum / seconds : 0;
}

std::string rate_line(const Moment& moment, std::string_view name, double Second::*rate) {
  return left(std::string(name), 11) + right(in_short(moment.seconds.back().*rate), 9) + "/s   mean" +
         right(in_short(mean(moment, rate)), 9) + "/s";
}

std::string progress_line(const Moment& moment, bool unicode) {
  std::string line = left(std::string(moment.phase), 11);
  if (!moment.remaining) return line + clock_time(moment.elapsed);
  return line + bar(moment.elapsed / (moment.elapsed + *moment.remaining), unicode) + "  " +
         clock_time(moment.elapsed) + ", " + clock_time(*moment.remaining) + " left";
}

std::vector<double> of_all(const std::vector<Second>& seconds, double Second::*value) {
  std::vector<double> values;
  for (const auto& second : seconds) values.push_back(second.*value);
  return values;
}

bool speaks_utf8() {
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {  // the first that is set decides
    const char* value = std::getenv(name);
    if (!value || !*value) continue;
    const std::string_view locale = value;
    return locale.find("UTF-8") != std::string_view::npos || locale.find("utf8") != std::string_view::npos;
  }
  return false;
}

Screen screen_of(int fd) {
  winsize size{};
  const bool known = ::ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  return {.columns = known ? size.ws_col : std::size_t{80}, .unicode = speaks_utf8()};
}

}  // namespace

std::string sparkline(const std::vector<double>& values, std::size_t width, bool unicode) {
  constexpr std::array<std::string_view, 8> kBlocks{"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
  constexpr std::array<std::string_view, 8> kAscii{"_", ".", ":", "-", "=", "+", "*", "#"};
  const std::size_t skip = values.size() - std::min(values.size(), width);
  double most = 0;
  for (std::size_t i = skip; i < values.size(); ++i) most = std::max(most, values[i]);
  std::string line;
  for (std::size_t i = skip; i < values.size(); ++i) {
    const double share = most > 0 ? std::max(values[i], 0.0) / most : 0;
    const auto height = static_cast<std::size_t>(std::lround(share * 7));
    line += unicode ? kBlocks[height] : kAscii[height];
  }
  return line;
}

std::string render_live(const std::string& title, const Moment& moment, const Screen& screen) {
  const Second& now = moment.seconds.back();
  const Counts& counts = moment.counts;
  std::vector<std::string> lines{title, progress_line(moment, screen.unicode)};
  lines.push_back(rate_line(moment, counts.in_name, &Second::in_per_s));
  if (!counts.out_name.empty()) lines.push_back(rate_line(moment, counts.out_name, &Second::out_per_s));
  const auto rate = counts.out > 0 ? &Second::out_per_s : &Second::in_per_s;
  lines.push_back(left("", 11) +
                  sparkline(of_all(moment.seconds, rate),
                            std::min(kSparkWidth, screen.columns - std::min<std::size_t>(screen.columns, 11)),
                            screen.unicode));
  if (counts.latency.count() > 0) {
    lines.push_back(left("latency", 11) + "p50" + milliseconds(now.p50_us) + "   p99" + milliseconds(now.p99_us));
  }
  if (counts.connected > 0) {
    lines.push_back(left("clients", 11) + right(for_people(counts.connected), 9) + "     missing " +
                    for_people(static_cast<double>(counts.missing)) + ", doubled " +
                    for_people(static_cast<double>(counts.duplicates)) + ", out of order " +
                    for_people(static_cast<double>(counts.reordered)));
  }
  if (now.broker_cores && now.broker_mb) {
    lines.push_back(left("broker", 11) + right(fixed(*now.broker_cores, 2), 9) + " cores" +
                    right(fixed(*now.broker_mb, 1), 9) + " MiB");
  }
  lines.push_back(left("generator", 11) + right(fixed(now.busiest_thread * 100, 0), 9) +
                  " % of a CPU by its busiest thread");
  std::string view;
  for (const auto& line : lines) view += cut(line, screen.columns) + "\n";
  return view;
}

void LiveView::show(const Moment& moment) {
  const std::string view = render_live(title_, moment, screen_of(STDERR_FILENO));
  clear();
  std::fputs(view.c_str(), stderr);
  lines_ = static_cast<std::size_t>(std::count(view.begin(), view.end(), '\n'));
}

void LiveView::clear() {
  if (lines_ > 0) std::fprintf(stderr, "\x1b[%zuA\r\x1b[J", lines_);  // to its first line, and nothing below it
  lines_ = 0;
}

void PlainLines::show(const Moment& moment) {
  const Second& second = moment.seconds.back();
  std::fprintf(stderr, "%4.0f s  %-8.*s  in %9.0f/s  out %9.0f/s  p99 %8.3f ms\n", second.at,
               static_cast<int>(moment.phase.size()), moment.phase.data(), second.in_per_s, second.out_per_s,
               second.p99_us / 1e3);
}

}  // namespace bramble::bench
