#pragma once

#include <functional>
#include <utility>

#include "broker/reactor/mesh.h"

namespace bramble {

/// Runs a piece of code as the first of two reactors would, on its thread; the second never runs. What takes an
/// OnReactor can be measured only so.  Threads: the caller's, which waits.
class OnAReactor final : private MessageHandler {
 public:
  using Step = std::function<void(const OnReactor&)>;

  /// Once.
  void run(Step step) {
    step_ = std::move(step);
    mesh[0].start(*this);
    mesh[0].join();
  }
  /// A new turn, as far as the budget of deliveries goes.
  static void renew_budget(const OnReactor& here) {
    here.reactor().spend(here, static_cast<int>(here.reactor().budget(here)) - Reactor::kDeliveriesPerTurn);
    here.reactor().turn_buffer(here).end_turn();
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
    step_(here);
    here.reactor().stop(here);
  }

  Step step_;
};

}  // namespace bramble
