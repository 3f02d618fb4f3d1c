#include "broker/reactor/readiness.h"

#include <sys/epoll.h>
#include <unistd.h>

#include "core/base/check.h"

namespace bramble {

Readiness::Readiness() : set_(::epoll_create1(EPOLL_CLOEXEC)) { check(set_ >= 0, "epoll_create1"); }
Readiness::~Readiness() { ::close(set_); }

bool Readiness::add(int descriptor, Watcher& watcher, std::uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.ptr = &watcher;
  return ::epoll_ctl(set_, EPOLL_CTL_ADD, descriptor, &event) == 0;
}

void Readiness::change(int descriptor, Watcher& watcher, std::uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.ptr = &watcher;
  check(::epoll_ctl(set_, EPOLL_CTL_MOD, descriptor, &event) == 0, "EPOLL_CTL_MOD of a descriptor that was added");
}

void Readiness::remove(int descriptor) { ::epoll_ctl(set_, EPOLL_CTL_DEL, descriptor, nullptr); }

int Readiness::dispatch(const OnReactor& here) {
  epoll_event events[kEventsMax];
  const int count = ::epoll_wait(set_, events, kEventsMax, 0);
  for (int i = 0; i < count; ++i) static_cast<Watcher*>(events[i].data.ptr)->ready(here, events[i].events);
  return count;
}

}  // namespace bramble
