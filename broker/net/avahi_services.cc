#include "broker/net/avahi_services.h"

#include <algorithm>
#include <avahi-common/alternative.h>
#include <avahi-common/error.h>
#include <avahi-common/malloc.h>
#include <avahi-common/strlst.h>
#include <fmt/format.h>
#include <utility>

namespace bramble {

namespace {

constexpr Milliseconds kFirstPause{1000};
constexpr Milliseconds kLongestPause{60'000};
constexpr int kCollisionsMax = 50;

AvahiProtocol protocol(SocketDomain domain) {
  if (domain == SocketDomain::any) return AVAHI_PROTO_UNSPEC;
  return domain == SocketDomain::ipv4 ? AVAHI_PROTO_INET : AVAHI_PROTO_INET6;
}

std::string alternative(std::string name, int collisions) {
  for (; collisions > 0; --collisions) {
    const std::unique_ptr<char, decltype(&avahi_free)> next(avahi_alternative_service_name(name.c_str()), &avahi_free);
    if (next) name = next.get();
  }
  return name;
}

using Texts = std::unique_ptr<AvahiStringList, decltype(&avahi_string_list_free)>;

Texts texts(const std::vector<std::string>& records) {
  Texts all(nullptr, &avahi_string_list_free);
  for (const std::string& record : records) all.reset(avahi_string_list_add(all.release(), record.c_str()));
  return all;
}

}  // namespace

AvahiServices::AvahiServices(const AvahiPoll* poll, const std::atomic<bool>& quiet)
    : poll_(poll), quiet_(quiet), pause_(kFirstPause) {}

void AvahiServices::want(std::vector<PlacedAnnouncement> all) {
  if (all == wanted_) return;
  wanted_ = std::move(all);
  announced_ = false;
  if (!wanted_.empty()) return;
  disconnect();
  connect_at_ = SteadyTime::min();
  tell(LogType::notice, "mdns: nothing is to be announced any more.");
}

SteadyTime AvahiServices::again_at() const { return wanted_.empty() ? SteadyTime::max() : connect_at_; }

void AvahiServices::settle(SteadyTime now) {
  if (wanted_.empty()) return;
  if (now >= connect_at_) connect(now);
  if (std::exchange(state_changed_, false)) follow_client(now);
  if (std::exchange(group_changed_, false)) follow_group(now);
  if (client_ && state_ == AVAHI_CLIENT_S_RUNNING && !announced_) announce(now, 0);
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
  client_.reset();
  group_ = nullptr;
  state_changed_ = group_changed_ = announced_ = false;
}

void AvahiServices::follow_client(SteadyTime now) {
  switch (state_) {
    case AVAHI_CLIENT_FAILURE: return fail(now, avahi_client_errno(client_.get()));
    case AVAHI_CLIENT_CONNECTING:  // it tells when Avahi comes, but not when an Avahi that did not answer does
      connect_at_ = now + kLongestPause;
      return tell_absent();
    default: break;
  }
  connect_at_ = SteadyTime::max();
  announced_ = false;  // the host may have another name: ours belongs to it
  if (group_ && state_ != AVAHI_CLIENT_S_RUNNING) avahi_entry_group_reset(group_);
}

void AvahiServices::follow_group(SteadyTime now) {
  if (!group_) return;
  switch (avahi_entry_group_get_state(group_)) {
    case AVAHI_ENTRY_GROUP_ESTABLISHED: return tell_announced();
    case AVAHI_ENTRY_GROUP_COLLISION: return announce(now, collisions_ + 1);
    case AVAHI_ENTRY_GROUP_FAILURE: return fail(now, avahi_client_errno(client_.get()));
    default: return;
  }
}

/// All that is wanted, each name the alternative after so many collisions, or more.
void AvahiServices::announce(SteadyTime now, int collisions) {
  const auto note = [](AvahiEntryGroup*, AvahiEntryGroupState, void* self) {
    static_cast<AvahiServices*>(self)->group_changed_ = true;
  };
  if (!group_) group_ = avahi_entry_group_new(client_.get(), note, this);
  if (!group_) return fail(now, avahi_client_errno(client_.get()));
  int error = AVAHI_ERR_COLLISION;
  for (collisions_ = collisions; error == AVAHI_ERR_COLLISION && collisions_ <= kCollisionsMax; ++collisions_) {
    error = avahi_entry_group_reset(group_);
    if (error == AVAHI_OK) error = add_all();
    if (error == AVAHI_OK) error = avahi_entry_group_commit(group_);
    if (error == AVAHI_OK) break;
  }
  announced_ = true;
  if (error != AVAHI_OK) fail(now, error);
}

int AvahiServices::add_all() {
  const char* const host = avahi_client_get_host_name(client_.get());
  if (!host) return avahi_client_errno(client_.get());
  names_.clear();
  for (const PlacedAnnouncement& each : wanted_) {
    const std::string name = alternative(service_name(each, host), collisions_);
    const int error =
        avahi_entry_group_add_service_strlst(group_, each.interface, protocol(each.domain), {}, name.c_str(),
                                             each.type.c_str(), nullptr, nullptr, each.port, texts(each.txt).get());
    if (error != AVAHI_OK) return error;
    const std::string told = fmt::format("\"{}\" ({}, port {})", name, each.type, each.port);
    if (std::ranges::find(names_, told) == names_.end()) names_.push_back(told);
  }
  return AVAHI_OK;
}

void AvahiServices::tell_announced() {
  pause_ = kFirstPause;
  const char* const host = avahi_client_get_host_name_fqdn(client_.get());
  tell(LogType::notice,
       fmt::format("mdns: announced as {} of {}.", fmt::join(names_, ", "), host ? host : "this host"));
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
