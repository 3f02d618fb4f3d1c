#pragma once

#include <cstdint>
#include <string>
#include <sys/types.h>

#include "tests/support/raw_client.h"

namespace bramble::testing {

/// The real broker as a process of its own, on a free port of loopback, with a configuration file in a temporary
/// folder. BRAMBLE_BIN names another binary (any that reads mosquitto.conf).
/// Lifetime: the process ends with the object, by SIGTERM; one that does not end well fails the test.
/// Threads: the test's own.
class Broker {
 public:
  /// `options`: further lines of configuration; they stand after the listener, so listener options belong to it.
  explicit Broker(const std::string& options = {}, Where where = Where::current());
  Broker(const Broker&) = delete;
  Broker& operator=(const Broker&) = delete;
  ~Broker();

  std::uint16_t port() const { return port_; }
  pid_t pid() const { return pid_; }
  /// Bramble itself, so its own options and defaults may be relied on.
  bool is_bramble() const;
  const std::string& folder() const { return folder_; }

  void start(Where where = Where::current());
  /// SIGTERM, and waits; its exit status must be 0.
  void stop(Where where = Where::current());
  /// SIGKILL, and waits.
  void kill();
  void restart(Where where = Where::current());

  /// Writes a new configuration and sends SIGHUP, and waits until the log says what came of it.
  void reconfigure(const std::string& options, Where where = Where::current());
  /// Waits until the log holds this, `count` times.
  void wait_for_log(const std::string& text, int count = 1, Where where = Where::current()) const;

  std::uint64_t rss_bytes() const;
  double cpu_seconds() const;
  /// What it has written to stderr so far.
  std::string log() const;

 private:
  void write_config() const;
  bool try_start();
  int end_with(int signal);

  std::string options_;
  int reloads_ = 0;
  std::string folder_;
  std::uint16_t port_ = 0;
  pid_t pid_ = -1;
};

/// The broker's process stands still as long as this lives, so that all that is sent meanwhile waits for it at once.
class Stopped {
 public:
  explicit Stopped(const Broker& broker);
  ~Stopped();
  Stopped(const Stopped&) = delete;

 private:
  const pid_t pid_;
};

/// The broker that tests with no wishes of their own share, started at first use; they keep apart by unique_name().
Broker& shared_broker();

/// `stem` and a number that no other call in this run has given.
std::string unique_name(const std::string& stem);

}  // namespace bramble::testing
