#include "broker/reactor/readiness.h"

#include <poll.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "broker/reactor/reactor.h"
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

void Readiness::remove(int descriptor, Watcher& watcher) {
  ::epoll_ctl(set_, EPOLL_CTL_DEL, descriptor, nullptr);
  for (int i = next_; i < found_; ++i) {
    epoll_event& event = events_[static_cast<std::size_t>(i)];
    if (event.data.ptr == &watcher) event.data.ptr = nullptr;
  }
}

bool Readiness::shows(int descriptor, short events) {
  pollfd look{descriptor, events, 0};
  return ::poll(&look, 1, 0) > 0;
}

bool Readiness::wait(Milliseconds at_most) {
  if (next_ < found_) return true;
  next_ = 0;
  found_ = ::epoll_wait(set_, events_.data(), kEventsMax, static_cast<int>(at_most.count()));
  return found_ > 0;
}

void Readiness::dispatch(const OnReactor& here) {
  const TurnBuffer& buffer = here.reactor().turn_buffer(here);
  const std::size_t enough = buffer.bytes() + TurnBuffer::kEnough;
  while (next_ < found_ && buffer.bytes() < enough) {
    const epoll_event event = events_[static_cast<std::size_t>(next_++)];
    if (event.data.ptr) static_cast<Watcher*>(event.data.ptr)->ready(here, event.events);
  }
  if (next_ < found_) here.reactor().want_turn(here);
}

}  // namespace bramble
