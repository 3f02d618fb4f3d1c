#pragma once

#include <atomic>
#include <csignal>
#include <memory>
#include <thread>
#include <vector>

#include "core/base/time.h"
#include "tools/bench/load_client.h"
#include "tools/bench/socket.h"

namespace bramble::bench {

/// What a worker does besides I/O.
class Task {
 public:
  virtual ~Task() = default;
  /// Before each wait for events. Returns when it wants its next turn at the latest; `now` or earlier: at once.
  virtual SteadyTime turn(SteadyTime now) = 0;
  /// After the events of a wait were handled.
  virtual void after_io() {}
};

/// One thread's epoll set and the clients in it.
/// Threads: run(), open() and idle clients on the thread that calls run(); wake() and end() from any.
class Worker {
 public:
  static constexpr std::size_t kReadBytes = 256 * 1024;

  Worker();

  void open(LoadClient& client, const Endpoint& broker);
  /// Turns until end(). Clients are to outlive it.
  void run(Task& task);
  /// One: the task's, then I/O.
  void turn(Task& task);
  void wake();
  void end();

 private:
  void wait_and_handle(SteadyTime until, Task& task);
  void keep_alive(SteadyTime now);

  Descriptor epoll_;
  Descriptor wake_up_;
  std::atomic<bool> ending_{false};
  std::vector<char> scratch_ = std::vector<char>(kReadBytes);
  std::vector<LoadClient*> clients_;
  SteadyTime next_keep_alive_{};
};

/// Opens a worker's clients without flooding the broker: at most so many handshakes at a time, or so many a second.
/// Threads: its worker's.
class Connector {
 public:
  /// `a_second` 0: no rate, `at_once` alone limits. The first of a rate is due at the first turn.
  Connector(Worker& worker, const Endpoint& broker, std::size_t at_once, double a_second);

  void add(LoadClient& client) { waiting_.push_back(&client); }
  /// Opens what may be opened now and returns when to come again. Before each calls `on_open(i, intended)`: the i-th
  /// client that was added, and when it should have been opened.
  template <class OnOpen>
  SteadyTime turn(SteadyTime now, OnOpen&& on_open) {
    if (next_ == 0) start_ = now;
    while (next_ < waiting_.size() && underway_ < at_once_ && due() <= now) {
      LoadClient& client = *waiting_[next_];
      on_open(next_, period_.count() > 0 ? due() : now);
      ++next_;
      ++underway_;
      worker_.open(client, broker_);
    }
    return next_ < waiting_.size() && underway_ < at_once_ ? due() : SteadyTime::max();
  }
  /// A client opened here became ready, or was closed before it did.
  void handshake_ended() { --underway_; }
  bool all_opened() const { return next_ == waiting_.size(); }

 private:
  SteadyTime due() const { return start_ + period_ * static_cast<SteadyTime::rep>(next_); }

  Worker& worker_;
  const Endpoint broker_;
  const std::size_t at_once_;
  const SteadyTime::duration period_;
  SteadyTime start_{};
  std::vector<LoadClient*> waiting_;
  std::size_t next_ = 0;
  std::size_t underway_ = 0;
};

/// The threads: each runs one Worker with one Task from start() until the destructor or stop().
/// Threads: the main thread.
class Engine {
 public:
  explicit Engine(unsigned threads);
  ~Engine() { stop(); }

  std::size_t size() const { return workers_.size(); }
  Worker& worker(std::size_t i) { return *workers_[i]; }
  void start(std::size_t i, Task& task);
  void wake_all();  ///< any thread
  void stop();

 private:
  std::vector<std::unique_ptr<Worker>> workers_;
  std::vector<std::thread> threads_;
};

/// SIGINT and SIGTERM, kept from ending the process so that a run can end with its report. Made before any thread.
/// Threads: the main thread, which sleeps here.
class Interrupts {
 public:
  Interrupts();
  ~Interrupts();
  Interrupts(const Interrupts&) = delete;
  /// Sleeps until `until`, or returns true at once if the user wants the run to end.
  bool sleep_until(SteadyTime until);
  /// Lets the run end as if the user wanted it to.
  void ask_to_end() { asked_ = true; }
  bool seen() const { return seen_; }
  bool seen_signal() const { return seen_signal_; }

 private:
  sigset_t signals_{};
  sigset_t mask_before_{};
  bool asked_ = false;
  bool seen_ = false;
  bool seen_signal_ = false;
};

}  // namespace bramble::bench
