#pragma once

#include <memory>
#include <thread>
#include <vector>

#include "broker/net/announcement.h"

namespace bramble {

/// Has Avahi tell the network where the broker is, so that clients find it by a name that stays when its address does
/// not. What is told, and of which listeners: Announcement.
///
/// A thread of its own talks to Avahi through the system D-Bus, for libavahi-client waits for answers (25 s at most).
/// Avahi and D-Bus may come and go: once both are there, all is announced again. Avahi follows addresses itself; what
/// belongs to one address or device moves with that (rtnetlink), within a second. A name that is taken gets a number:
/// "Bramble on pi4 #2".
///
/// An IPv4 listener is announced over IPv4 only, one of a single address on its interface only. The host name beside it
/// is Avahi's, with all that the host has there: a client that is given an address nobody listens at tries the next.
///
/// Threads: main. Cost: no thread before the first announcement.
/// Errors: a line in the log, one for each cause until it is over; nothing else stops or waits. A thread that an error
/// ended starts again with the next announcement.
class Mdns {
 public:
  Mdns();
  ~Mdns();
  Mdns(const Mdns&) = delete;

  /// These from now on, and no others; none: all is taken back.
  void announce(std::vector<Announcement> all);
  /// Takes all back, for good. Waits for the thread, but not for a D-Bus that does not answer: half a second at most.
  void stop();

 private:
  struct Orders;
  class Announcer;

  const std::shared_ptr<Orders> orders_;  ///< the thread's, too: it may outlive this
  std::thread thread_;
};

}  // namespace bramble
