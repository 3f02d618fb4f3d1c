#pragma once

#include <functional>
#include <utility>
#include <vector>

#include "broker/reactor/mesh.h"

namespace bramble::testing {

/// Two reactors, of which the first runs what a test does: each step in a turn of its own. The other one never runs.
/// Threads: the test's own, which waits while the steps run.
class Turns final : private MessageHandler {
 public:
  using Step = std::function<void(const OnReactor&)>;

  /// Once.
  void run(std::vector<Step> steps) {
    steps_ = std::move(steps);
    mesh[0].start(*this);
    mesh[0].join();
  }

  Quiescence quiescence{2};
  Counters counters{2};
  Mesh mesh{2, 1 << 20, quiescence, counters};

 private:
  void on_start(const OnReactor&) override {}
  void on_message(const OnReactor&, Message) override {}
  void on_dispatched(const OnReactor&) override {}
  bool on_leftovers(const OnReactor&) override { return false; }
  void on_turn_end(const OnReactor& here) override {
    steps_[next_++](here);
    here.reactor().want_turn(here);
    if (next_ == steps_.size()) here.reactor().stop(here);
  }

  std::vector<Step> steps_;
  std::size_t next_ = 0;
};

}  // namespace bramble::testing
