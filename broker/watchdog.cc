#include "broker/watchdog.h"

#include <algorithm>
#include <chrono>

namespace bramble {

namespace {

constexpr int kLooks = 4;  // in the time that the manager waits

Milliseconds quarter_of(const Service& service) {
  if (!service.watchdog()) return Milliseconds(0);
  return std::max(std::chrono::duration_cast<Milliseconds>(*service.watchdog() / kLooks), Milliseconds(1));
}

}  // namespace

Watchdog::Watchdog(Service& service, Broker& broker) : service_(service), broker_(broker), every_(quarter_of(service)) {
  if (every_.count() != 0) ask();
}

void Watchdog::ask() {
  missing_ = broker_.call_roll();
  look_at_ = SteadyTime::clock::now() + every_;
}

int Watchdog::wait_for_ms() const {
  if (every_.count() == 0) return -1;
  const auto left = std::chrono::ceil<Milliseconds>(look_at_ - SteadyTime::clock::now());
  return static_cast<int>(std::max(left, Milliseconds(0)).count());
}

void Watchdog::look() {
  if (every_.count() == 0 || SteadyTime::clock::now() < look_at_) return;
  if (missing_->load(std::memory_order_relaxed) != 0) {
    look_at_ = SteadyTime::clock::now() + every_;
    return;
  }
  service_.alive();
  ask();
}

}  // namespace bramble
