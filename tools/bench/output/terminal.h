#pragma once

#include <string>

#include "tools/bench/progress.h"

namespace bramble::bench {

/// How a terminal can be written to.
struct Screen {
  std::size_t columns = 80;
  bool unicode = true;  ///< blocks for bars; else plain ASCII
};

/// The live view as lines, none wider than the screen: what goes on and how long still, rates now and on average with a
/// sparkline, the last second's latency, clients, what is missing so far, and what broker and generator use.
std::string render_live(const std::string& title, const Moment& moment, const Screen& screen);

/// `values` as bars of eight heights, the largest the full height; the last `width` of them.
std::string sparkline(const std::vector<double>& values, std::size_t width, bool unicode);

/// The view, redrawn in place on stderr, which is to be a terminal.
class LiveView final : public Viewer {
 public:
  explicit LiveView(std::string title) : title_(std::move(title)) {}
  void show(const Moment& moment) override;
  /// Takes the view off the screen, before anything else is written there.
  void clear();

 private:
  const std::string title_;
  std::size_t lines_ = 0;  ///< of the view that is on the screen
};

/// One line a second on stderr.
class PlainLines final : public Viewer {
 public:
  void show(const Moment& moment) override;
};

}  // namespace bramble::bench
