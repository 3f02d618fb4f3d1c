#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <thread>

#include "broker/log/repeats.h"
#include "broker/metrics/counters.h"
#include "broker/reactor/inbox.h"
#include "broker/reactor/on_reactor.h"
#include "broker/reactor/reactor_timer.h"
#include "broker/reactor/readiness.h"
#include "core/base/turn_buffer.h"
#include "core/sync/quiescence.h"
#include "core/timing/timer_wheel.h"

namespace bramble {

/// What a reactor runs: its Shard.
class MessageHandler {
 public:
  virtual void on_start(const OnReactor& here) = 0;
  virtual void on_message(const OnReactor& here, Message message) = 0;
  /// What was ready has been handed out; whoever comes behind it comes now.
  virtual void on_dispatched(const OnReactor& here) = 0;
  /// Goes on with what a full turn left over, before anything new, as far as the budget goes. True: some is still left.
  virtual bool on_leftovers(const OnReactor& here) = 0;
  /// Last in a turn: hand-offs to the other reactors, then one write a connection, then what is closed goes.
  virtual void on_turn_end(const OnReactor& here) = 0;

 protected:
  ~MessageHandler() = default;
};

/// One thread, its epoll set, its inbox, its timers, and the turns they are dealt with in.
/// A turn: every ready connection is read once and its packets handled, the inbox is emptied, then on_turn_end. Between
/// two turns is one epoll_wait, however much there is to do. A turn is
/// bounded in deliveries (docs/design.md, Turn), so that a fan-out to many does not keep the others waiting.
/// Threads: construct, start and join on main; inbox() is for all; the rest takes an OnReactor.
class Reactor {
 public:
  static constexpr std::size_t kReadBytes = 256 * 1024;
  static constexpr int kDeliveriesPerTurn = 10'000;

  /// `busy_poll`: looks for work so long before it sleeps, at least.
  Reactor(ReactorId id, unsigned reactors, std::size_t inbox_level_bytes, Quiescence& quiescence,
          ReactorCounters& counters, Nanoseconds busy_poll);
  Reactor(const Reactor&) = delete;
  ~Reactor();

  void start(MessageHandler& handler);
  void join();

  ReactorId id() const { return id_; }
  Inbox& inbox() { return inbox_; }
  /// Connections given to this reactor; any thread, relaxed.
  std::atomic<int>& load() { return load_; }

  Readiness& readiness(const OnReactor&) { return readiness_; }
  TimerWheel& timers(const OnReactor&) { return timers_; }
  ReactorCounters& counters(const OnReactor&) { return counters_; }
  TurnBuffer& turn_buffer(const OnReactor&) { return turn_buffer_; }
  /// Empties the inbox as far as the turn's budget goes; before what was read is routed, so that order is causal
  /// (docs/design.md, Order).
  void drain_inbox(const OnReactor& here);
  /// What was read may be routed: all that others had routed before it was read is delivered (or in the router's
  /// backlog). As of the last drain_inbox().
  bool caught_up(const OnReactor&) const { return budget_ > 0 && caught_up_; }
  bool budget_left(const OnReactor&) const { return budget_ > 0; }
  std::size_t budget(const OnReactor&) const { return budget_ > 0 ? static_cast<std::size_t>(budget_) : 0; }
  void spend(const OnReactor&, int deliveries) { budget_ -= deliveries; }
  /// There is something to do although no descriptor says so: another turn follows.
  void want_turn(const OnReactor&) { again_ = true; }
  bool turn_wanted(const OnReactor&) const { return again_; }
  /// May another line about this `host` be logged, which clients can cause at will?  (log::Repeats)
  bool may_log(const OnReactor& here, std::string_view cause, std::string_view host);
  /// Ends the thread after this turn.
  void stop(const OnReactor&) { stopping_ = true; }

 private:
  friend class OnReactor;
  class WakeWatcher final : public Watcher {
    void ready(const OnReactor&, std::uint32_t) override {}  // edge-triggered: the event itself was the message
  };

  /// Logs how many lines were kept back, when their minute is over.
  class RepeatsTimer final : public ReactorTimer {
   public:
    explicit RepeatsTimer(Reactor& reactor) : reactor_(reactor) {}
    void due(const OnReactor& here) override;

   private:
    Reactor& reactor_;
  };

  void run();
  void enter();
  void turn(const OnReactor& here);
  /// Waits until something is ready or due: not at all if something is left to do, else looking for a moment if that is
  /// worth it, else asleep and offline.
  void find_work();
  bool poll(Nanoseconds time);
  void sleep();

  const ReactorId id_;
  Quiescence& quiescence_;
  ReactorCounters& counters_;
  const Nanoseconds busy_poll_;
  Nanoseconds poll_for_{0};  ///< before it sleeps: 0 after a long sleep
  MessageHandler* handler_ = nullptr;
  Readiness readiness_;
  Inbox inbox_;
  WakeWatcher wake_watcher_;
  TimerWheel timers_;
  TurnBuffer turn_buffer_;
  log::Repeats repeats_;
  RepeatsTimer repeats_timer_{*this};
  SteadyTime now_;
  int budget_ = kDeliveriesPerTurn;
  bool caught_up_ = true;
  bool online_ = false;
  bool again_ = false;  ///< there is something to do although no descriptor says so
  bool stopping_ = false;
  bool reclaiming_ = false;  ///< something unlinked waits for other reactors to end their turns
  std::atomic<int> load_{0};
  std::thread thread_;
};

inline ReactorId OnReactor::id() const { return reactor_.id_; }
inline SteadyTime OnReactor::now() const { return reactor_.now_; }

}  // namespace bramble
