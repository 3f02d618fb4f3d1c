#include "broker/service.h"

#include <algorithm>
#include <cstdlib>
#include <fmt/format.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <utility>

#include "core/base/time.h"

namespace bramble {

namespace {

constexpr int kLeaveEnvironment = 0, kClearEnvironment = 1;
constexpr std::uint64_t kWatchdogMax = std::chrono::microseconds(std::chrono::hours(1)).count();

void tell(const std::string& state) { ::sd_notify(kLeaveEnvironment, state.c_str()); }

/// True: somebody listens.
bool give(const std::string& state, int socket) {
  return ::sd_pid_notify_with_fds(0, kLeaveEnvironment, state.c_str(), &socket, 1) > 0;
}

ino_t identity(int socket) {
  struct stat about {};
  return ::fstat(socket, &about) == 0 ? about.st_ino : 0;
}

std::vector<HandedSockets::Socket> handed_over() {
  std::vector<HandedSockets::Socket> sockets;
  char** names = nullptr;
  const int count = ::sd_listen_fds_with_names(kClearEnvironment, &names);
  for (int i = 0; i < count; ++i) {
    sockets.push_back({SD_LISTEN_FDS_START + i, names[i]});
    std::free(names[i]);
  }
  std::free(names);
  return sockets;
}

}  // namespace

Service::Service() : handed_(handed_over()) {
  for (const auto& socket : handed_) {
    if (HandedSockets::is_ours(socket)) kept_.emplace(socket.name, identity(socket.descriptor));
  }
  std::uint64_t microseconds = 0;
  if (::sd_watchdog_enabled(kClearEnvironment, &microseconds) > 0) {
    watchdog_ = std::chrono::microseconds(std::min(microseconds, kWatchdogMax));
  }
}

HandedSockets Service::take_sockets() { return HandedSockets(std::exchange(handed_, {})); }

void Service::keep(const std::vector<BoundSocket*>& sockets) {
  std::map<std::string, ino_t> wanted;
  for (BoundSocket* const socket : sockets) {
    if (socket->keeper() == BoundSocket::Keeper::unit) continue;
    wanted.emplace(HandedSockets::name_of(socket->descriptor()), identity(socket->descriptor()));
  }
  std::erase_if(kept_, [&](const auto& kept) {
    const auto found = wanted.find(kept.first);
    if (found != wanted.end() && found->second == kept.second) return false;
    tell("FDSTOREREMOVE=1\nFDNAME=" + kept.first);
    return true;
  });
  for (BoundSocket* const socket : sockets) {
    if (socket->keeper() != BoundSocket::Keeper::none) continue;
    const std::string name = HandedSockets::name_of(socket->descriptor());
    if (kept_.contains(name) || !give("FDSTORE=1\nFDNAME=" + name, socket->descriptor())) continue;
    kept_.emplace(name, identity(socket->descriptor()));
    socket->kept();
  }
}

void Service::ready() { tell("READY=1"); }

void Service::status(std::string text) {
  std::ranges::replace(text, '\n', ' ');
  tell("STATUS=" + text);
}

void Service::reloading() {
  const auto now = std::chrono::ceil<std::chrono::microseconds>(SteadyTime::clock::now().time_since_epoch());
  tell(fmt::format("RELOADING=1\nMONOTONIC_USEC={}", now.count()));
}

void Service::stopping() { tell("STOPPING=1"); }

void Service::alive() { tell("WATCHDOG=1"); }

}  // namespace bramble
