#pragma once

#include <atomic>
#include <avahi-client/client.h>
#include <avahi-client/publish.h>
#include <list>
#include <memory>
#include <string>
#include <vector>

#include "broker/log.h"
#include "broker/net/announcement.h"
#include "core/base/time.h"

namespace bramble {

/// The services that Avahi announces for us: as long as it is there, and again when it or D-Bus is back. Under a name
/// that another has taken comes the next: "Bramble on pi4 #2". All are taken back with this object.
/// Each has an entry group of its own, which no change of another touches, and which is given up with it: Avahi holds
/// the commits of one group off for longer and longer. Threads: that of `poll` alone, which may wait for D-Bus, 25 s at
/// most. Callbacks only note what Avahi says; settle() does what follows, outside of them. Errors: a line in the log,
/// and it is tried again.
class AvahiServices {
 public:
  /// Says nothing any more once `quiet`.
  AvahiServices(const AvahiPoll* poll, const std::atomic<bool>& quiet);
  ~AvahiServices();
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
  void announce(SteadyTime now);
  int add(const PlacedAnnouncement& announcement);
  void follow_groups(SteadyTime now);
  void tell_announced();
  void tell_absent();
  void fail(SteadyTime now, int error);
  void tell(LogType type, std::string line);

  struct FreeClient {
    void operator()(AvahiClient* client) const { avahi_client_free(client); }
  };
  struct FreeGroup {
    void operator()(AvahiEntryGroup* group) const { avahi_entry_group_free(group); }
  };
  struct Service {
    PlacedAnnouncement announcement;
    std::string name;              // the one that was tried last
    AvahiEntryGroupState state{};  // as Avahi has told since it was entered
    std::unique_ptr<AvahiEntryGroup, FreeGroup> group;
  };
  static int enter(Service& service);

  const AvahiPoll* const poll_;
  const std::atomic<bool>& quiet_;
  std::vector<PlacedAnnouncement> wanted_;
  std::unique_ptr<AvahiClient, FreeClient> client_;  // null: none yet, or not any more
  std::list<Service> services_;                      // the client's; Avahi holds their addresses
  AvahiClientState state_{};
  bool state_changed_ = false;
  SteadyTime connect_at_ = SteadyTime::min();
  SteadyTime slow_at_ = SteadyTime::max();  // what is not announced by then is told of
  Milliseconds pause_;
  std::string told_;
};

}  // namespace bramble
