#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <sys/types.h>
#include <vector>

#include "broker/net/bound_socket.h"

namespace bramble {

/// The service manager that started us (systemd), if one did: what it is told, and what it keeps for the process after
/// this one (sd_notify(3), sd_listen_fds(3)). Nothing of it without NOTIFY_SOCKET in the environment.
/// Threads: main. Errors: a manager that does not listen is told nothing.
class Service {
 public:
  /// Reads the environment, and takes the variables about sockets and the watchdog out of it.
  Service();

  /// What it has handed over; once.
  HandedSockets take_sockets();
  /// It keeps these from now on, and no others of ours: whoever connects while no broker runs waits for the next one.
  void keep(const std::vector<BoundSocket*>& sockets);

  /// One line for a person: `systemctl status` shows it.
  void status(std::string text);
  void ready();
  void reloading();  ///< until ready()
  void stopping();

  /// It wants to hear alive() within this time, again and again; nothing: it does not.
  std::optional<std::chrono::microseconds> watchdog() const { return watchdog_; }
  void alive();

 private:
  std::vector<HandedSockets::Socket> handed_;
  std::map<std::string, ino_t> kept_;  ///< ours, by name; a number of a descriptor may be another's by now
  std::optional<std::chrono::microseconds> watchdog_;
};

}  // namespace bramble
