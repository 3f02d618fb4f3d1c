#pragma once

#include <atomic>
#include <avahi-client/client.h>
#include <avahi-client/publish.h>
#include <memory>
#include <string>
#include <vector>

#include "broker/log.h"
#include "broker/net/announcement.h"
#include "core/base/time.h"

namespace bramble {

/// The services that Avahi announces for us: as long as it is there, and again when it or D-Bus is back. Under a name
/// that another has taken comes the next: "Bramble on pi4 #2". All are taken back with this object.
/// Threads: that of `poll` alone, which may wait for D-Bus, 25 s at most. Callbacks only note what Avahi says; settle()
/// does what follows, outside of them.
/// Errors: a line in the log, and it is tried again.
class AvahiServices {
 public:
  /// Says nothing any more once `quiet`.
  AvahiServices(const AvahiPoll* poll, const std::atomic<bool>& quiet);
  AvahiServices(const AvahiServices&) = delete;

  /// These from the next settle() on, and no others.
  void want(std::vector<PlacedAnnouncement> all);
  /// After each turn of the poll, and at again_at().
  void settle(SteadyTime now);
  SteadyTime again_at() const;

 private:
  void connect(SteadyTime now);
  void disconnect();
  void follow_client(SteadyTime now);
  void follow_group(SteadyTime now);
  void announce(SteadyTime now, int collisions);
  int add_all();
  void tell_announced();
  void tell_absent();
  void fail(SteadyTime now, int error);
  void tell(LogType type, std::string line);

  struct FreeClient {
    void operator()(AvahiClient* client) const { avahi_client_free(client); }
  };

  const AvahiPoll* const poll_;
  const std::atomic<bool>& quiet_;
  std::vector<PlacedAnnouncement> wanted_;
  std::unique_ptr<AvahiClient, FreeClient> client_;  // null: none yet, or not any more
  AvahiEntryGroup* group_ = nullptr;                 // the client's
  AvahiClientState state_{};
  bool state_changed_ = false;
  bool group_changed_ = false;
  bool announced_ = false;  // the group holds what is wanted
  int collisions_ = 0;
  SteadyTime connect_at_ = SteadyTime::min();
  Milliseconds pause_;
  std::vector<std::string> names_;  // of what the group holds, for the log
  std::string told_;
};

}  // namespace bramble
