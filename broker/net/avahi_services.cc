#include "broker/net/avahi_services.h"

#include <algorithm>
#include <array>
#include <avahi-common/alternative.h>
#include <avahi-common/error.h>
#include <avahi-common/malloc.h>
#include <avahi-common/strlst.h>
#include <fmt/format.h>
#include <net/if.h>
#include <utility>

namespace bramble {

namespace {

constexpr Milliseconds kFirstPause{1000};
constexpr Milliseconds kLongestPause{60'000};
constexpr Milliseconds kSlow{10'000};
constexpr int kLocalNamesMax = 50;

AvahiProtocol protocol(SocketDomain domain) {
  if (domain == SocketDomain::any) return AVAHI_PROTO_UNSPEC;
  return domain == SocketDomain::ipv4 ? AVAHI_PROTO_INET : AVAHI_PROTO_INET6;
}

std::string next_name(const std::string& name) {
  const std::unique_ptr<char, decltype(&avahi_free)> next(avahi_alternative_service_name(name.c_str()), &avahi_free);
  return next ? next.get() : name;
}

using Texts = std::unique_ptr<AvahiStringList, decltype(&avahi_string_list_free)>;

Texts texts(const std::vector<std::string>& records) {
  Texts all(nullptr, &avahi_string_list_free);
  for (const std::string& record : records) all.reset(avahi_string_list_add(all.release(), record.c_str()));
  return all;
}

/// For the log: `"Bramble on pi4" (_mqtt._tcp, port 1883)`, and where, if it is not everywhere.
void add_to(std::string& all, const std::string& name, const PlacedAnnouncement& what) {
  std::array<char, IF_NAMESIZE> device{};
  const bool one = what.interface != kEverywhere;
  if (one) ::if_indextoname(static_cast<unsigned>(what.interface), device.data());
  all += fmt::format("{}\"{}\" ({}, port {}{}{}{}{})", all.empty() ? "" : ", ", name, what.type, what.port,
                     what.domain == SocketDomain::ipv4 ? ", IPv4" : "",
                     what.domain == SocketDomain::ipv6 ? ", IPv6" : "", one ? ", " : "", device.data());
}

}  // namespace

AvahiServices::AvahiServices(const AvahiPoll* poll, const std::atomic<bool>& quiet)
    : poll_(poll), quiet_(quiet), pause_(kFirstPause) {}

AvahiServices::~AvahiServices() { disconnect(); }

void AvahiServices::want(std::vector<PlacedAnnouncement> all) {
  if (all == wanted_) return;
  wanted_ = std::move(all);
  if (!wanted_.empty()) return;
  disconnect();
  connect_at_ = SteadyTime::min();
  tell(LogType::notice, "mdns: nothing is to be announced any more.");
}

SteadyTime AvahiServices::again_at() const {
  return wanted_.empty() ? SteadyTime::max() : std::min(connect_at_, slow_at_);
}

void AvahiServices::settle(SteadyTime now) {
  if (wanted_.empty()) return;
  if (now >= connect_at_) connect(now);
  if (std::exchange(state_changed_, false)) follow_client(now);
  if (client_ && state_ == AVAHI_CLIENT_S_RUNNING) announce(now);
  if (client_ && state_ == AVAHI_CLIENT_S_RUNNING) follow_groups(now);
}

void AvahiServices::connect(SteadyTime now) {
  disconnect();
  connect_at_ = SteadyTime::max();
  const auto note = [](AvahiClient*, AvahiClientState state, void* self) {
    static_cast<AvahiServices*>(self)->state_ = state;
    static_cast<AvahiServices*>(self)->state_changed_ = true;
  };
  int error = AVAHI_OK;
  client_.reset(avahi_client_new(poll_, AVAHI_CLIENT_NO_FAIL, note, this, &error));
  if (!client_) fail(now, error);
}

void AvahiServices::disconnect() {
  for (Service& each : services_) static_cast<void>(each.group.release());  // the client frees them, and asks nobody
  services_.clear();
  client_.reset();
  state_changed_ = false;
  slow_at_ = SteadyTime::max();
}

void AvahiServices::follow_client(SteadyTime now) {
  services_.clear();  // of another Avahi, or of another name of the host
  slow_at_ = SteadyTime::max();
  switch (state_) {
    case AVAHI_CLIENT_FAILURE: return fail(now, avahi_client_errno(client_.get()));
    case AVAHI_CLIENT_CONNECTING:  // it tells when Avahi comes, but not when an Avahi that did not answer does
      connect_at_ = now + kLongestPause;
      return tell_absent();
    default: break;
  }
  connect_at_ = SteadyTime::max();
}

/// What is not wanted any more is taken back, what is new is added, and the rest stays as it is.
void AvahiServices::announce(SteadyTime now) {
  std::erase_if(services_,
                [this](const Service& each) { return std::ranges::find(wanted_, each.announcement) == wanted_.end(); });
  for (const PlacedAnnouncement& each : wanted_) {
    if (std::ranges::find(services_, each, &Service::announcement) != services_.end()) continue;
    if (const int error = add(each); error != AVAHI_OK) return fail(now, error);
    slow_at_ = std::min(slow_at_, now + kSlow);
  }
}

int AvahiServices::add(const PlacedAnnouncement& announcement) {
  const auto note = [](AvahiEntryGroup*, AvahiEntryGroupState state, void* service) {
    static_cast<Service*>(service)->state = state;
  };
  const char* const host = avahi_client_get_host_name(client_.get());
  if (!host) return avahi_client_errno(client_.get());
  Service& service = services_.emplace_back(Service{announcement, service_name(announcement, host), {}, nullptr});
  for (int number = 0; number < announcement.namesakes; ++number) service.name = next_name(service.name);
  service.group.reset(avahi_entry_group_new(client_.get(), note, &service));
  return service.group ? enter(service) : avahi_client_errno(client_.get());
}

/// Under its name, or the next that nobody on this machine has.
int AvahiServices::enter(Service& service) {
  const PlacedAnnouncement& what = service.announcement;
  AvahiEntryGroup* const group = service.group.get();
  service.state = AVAHI_ENTRY_GROUP_UNCOMMITED;
  for (int names = 1;; ++names) {
    const int error =
        avahi_entry_group_add_service_strlst(group, what.interface, protocol(what.domain), {}, service.name.c_str(),
                                             what.type.c_str(), nullptr, nullptr, what.port, texts(what.txt).get());
    if (error == AVAHI_OK) return avahi_entry_group_commit(group);
    if (error != AVAHI_ERR_COLLISION || names == kLocalNamesMax) return error;
    service.name = next_name(service.name);
  }
}

void AvahiServices::follow_groups(SteadyTime now) {
  std::string missing;
  for (Service& each : services_) {
    if (each.state == AVAHI_ENTRY_GROUP_FAILURE) return fail(now, avahi_client_errno(client_.get()));
    if (each.state != AVAHI_ENTRY_GROUP_ESTABLISHED) add_to(missing, each.name, each.announcement);
    if (each.state != AVAHI_ENTRY_GROUP_COLLISION) continue;
    each.name = next_name(each.name);
    int error = avahi_entry_group_reset(each.group.get());
    if (error == AVAHI_OK) error = enter(each);
    if (error != AVAHI_OK) return fail(now, error);
  }
  if (missing.empty()) return tell_announced();
  if (now < slow_at_) return;
  slow_at_ = SteadyTime::max();
  tell(LogType::warning, fmt::format("mdns: Avahi has not announced {} for {} s, and is still at it.", missing,
                                     kSlow / Milliseconds(1000)));
}

void AvahiServices::tell_announced() {
  pause_ = kFirstPause;
  slow_at_ = SteadyTime::max();
  std::string names;
  for (const Service& each : services_) add_to(names, each.name, each.announcement);
  const char* const host = avahi_client_get_host_name_fqdn(client_.get());
  tell(LogType::notice, fmt::format("mdns: announced as {} of {}.", names, host ? host : "this host"));
}

void AvahiServices::tell_absent() {
  tell(LogType::warning,
       "mdns: Avahi does not answer, so this broker is not found by mDNS. It is announced once avahi-daemon runs.");
}

/// From the beginning, after a pause.
void AvahiServices::fail(SteadyTime now, int error) {
  disconnect();
  connect_at_ = now + pause_;
  pause_ = std::min(pause_ * 2, kLongestPause);
  const bool absent = error == AVAHI_ERR_DISCONNECTED || error == AVAHI_ERR_NO_DAEMON || error == AVAHI_ERR_DBUS_ERROR;
  if (absent) return tell_absent();
  tell(LogType::warning,
       fmt::format("mdns: Avahi does not announce this broker: {}. It is tried again from time to time.",
                   avahi_strerror(error)));
}

/// Not the same twice in a row.
void AvahiServices::tell(LogType type, std::string line) {
  if (line == told_ || quiet_.load(std::memory_order_relaxed)) return;  // relaxed: see Mdns::Orders
  log::write(type, "{}", line);
  told_ = std::move(line);
}

}  // namespace bramble
