#pragma once

#include <functional>
#include <string_view>

#include "tools/bench/engine.h"
#include "tools/bench/process.h"
#include "tools/bench/scenario.h"

namespace bramble::bench {

/// Where scenarios play that do one thing after the other: a worker on the main thread, which turns until what the
/// scenario waits for has come about.
/// Threads: the main thread.  Errors: a fault in the report, and every wait from then on is over at once.
class Stage final : private Task {
 public:
  Stage(Run run, const Endpoint& broker);

  void open(LoadClient& client) { worker_.open(client, broker_); }
  /// What is to be done before each wait for I/O: whether there is more to do at once. Empty: nothing.
  void meanwhile(std::function<bool(SteadyTime)> work) { work_ = std::move(work); }

  /// Turns until `count()` is `goal`. False: it did not change for too long, somebody called fail(), or the user wants
  /// the run to end.
  bool until(std::string_view what, std::uint64_t goal, const std::function<std::uint64_t()>& count);
  /// The same, but a count that does not change any more is no fault: false then.
  bool settle(std::string_view what, std::uint64_t goal, const std::function<std::uint64_t()>& count);
  /// Turns for so long.
  void rest(SteadyTime::duration time);
  /// Says what went wrong and ends the run. Only the first is reported.
  void fail(const std::string& why);
  /// Goes on in spite of that, for what has to be put back in order.
  void clean_up() { failed_ = false; }

  /// The broker's process, now.
  std::optional<ProcessUse> broker_use() const { return process_use(run_.options.broker_pid); }
  static SteadyTime now() { return std::chrono::steady_clock::now(); }

 private:
  SteadyTime turn(SteadyTime now) override;
  std::uint64_t wait(std::string_view what, std::uint64_t goal, const std::function<std::uint64_t()>& count,
                     SteadyTime::duration quiet_max);

  Run run_;
  const Endpoint broker_;
  Worker worker_;
  std::function<bool(SteadyTime)> work_;
  bool failed_ = false;
};

}  // namespace bramble::bench
