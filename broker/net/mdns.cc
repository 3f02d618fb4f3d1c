#include "broker/net/mdns.h"

#include <algorithm>
#include <atomic>
#include <avahi-common/simple-watch.h>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <sys/eventfd.h>
#include <system_error>
#include <unistd.h>
#include <utility>

#include "broker/log.h"
#include "broker/net/avahi_services.h"
#include "core/base/check.h"
#include "core/base/time.h"

namespace bramble {

namespace {

constexpr Milliseconds kPatience{500};
constexpr Milliseconds kSettling{1000};  // an address often comes back at once, or with others

int milliseconds_until(SteadyTime time) {
  if (time == SteadyTime::max()) return -1;
  const SteadyTime now = std::chrono::steady_clock::now();
  return time <= now ? 0 : static_cast<int>(std::chrono::ceil<Milliseconds>(time - now).count());
}

}  // namespace

/// What main wants of the thread.
struct Mdns::Orders {
  Orders() { check(wake >= 0, "eventfd for mDNS"); }
  ~Orders() { ::close(wake); }
  Orders(const Orders&) = delete;

  void say() const {
    const std::uint64_t one = 1;
    check(::write(wake, &one, sizeof one) == sizeof one, "an eventfd takes a wake");
  }
  std::vector<Announcement> all() {
    const std::lock_guard lock(mutex);
    return wanted;
  }

  const int wake = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  std::atomic<bool> stops{false};  // relaxed: the wake that follows it makes the thread look
  std::mutex mutex;
  std::vector<Announcement> wanted;  // under the mutex
  bool ended = false;                // the same
  std::condition_variable has_ended;
};

/// The thread's part.
class Mdns::Announcer {
 public:
  explicit Announcer(Orders& orders) : orders_(orders), poll_(avahi_simple_poll_new(), &avahi_simple_poll_free) {}
  Announcer(const Announcer&) = delete;

  void run() {
    if (!poll_) return log::write(LogType::error, "mdns: nothing is announced: {}.", std::strerror(errno));
    const AvahiPoll* const api = avahi_simple_poll_get(poll_.get());
    watch(*api, orders_.wake);
    if (addresses_.descriptor() >= 0) watch(*api, addresses_.descriptor());
    AvahiServices services(api, orders_.stops);
    while (!orders_.stops.load(std::memory_order_relaxed)) {
      const SteadyTime now = std::chrono::steady_clock::now();
      if (now >= place_at_) {
        place_at_ = SteadyTime::max();
        services.want(place(orders_.all(), interfaces()));
      }
      services.settle(now);
      const SteadyTime next = std::min(place_at_, services.again_at());
      if (avahi_simple_poll_iterate(poll_.get(), milliseconds_until(next)) == 0) continue;
      return log::write(LogType::error, "mdns: nothing is announced any more: {}.", std::strerror(errno));
    }
  }

 private:
  void watch(const AvahiPoll& api, int descriptor) {
    const auto note = [](AvahiWatch*, int, AvahiWatchEvent, void* self) { static_cast<Announcer*>(self)->take(); };
    api.watch_new(&api, descriptor, AVAHI_WATCH_IN, note, this);  // goes with the poll
  }

  void take() {
    std::uint64_t count = 0;
    const bool ordered = ::read(orders_.wake, &count, sizeof count) == sizeof count;  // else it is about addresses
    addresses_.take();
    const SteadyTime now = std::chrono::steady_clock::now();
    place_at_ = std::min(place_at_, ordered ? now : now + kSettling);
  }

  Orders& orders_;
  InterfaceWatch addresses_;
  const std::unique_ptr<AvahiSimplePoll, decltype(&avahi_simple_poll_free)> poll_;
  SteadyTime place_at_ = SteadyTime::min();
};

Mdns::Mdns() : orders_(std::make_shared<Orders>()) {}

Mdns::~Mdns() { stop(); }

void Mdns::announce(std::vector<Announcement> all) {
  const bool nothing = all.empty();
  bool ended = false;  // by an error
  {
    const std::lock_guard lock(orders_->mutex);
    orders_->wanted = std::move(all);
    ended = std::exchange(orders_->ended, false);
  }
  orders_->say();
  if (ended) thread_.join();
  if (nothing || thread_.joinable()) return;
  try {
    thread_ = std::thread([orders = orders_] {
      pthread_setname_np(pthread_self(), "mdns");
      Announcer(*orders).run();
      const std::lock_guard lock(orders->mutex);
      orders->ended = true;
      orders->has_ended.notify_all();
    });
  } catch (const std::system_error& error) {
    log::write(LogType::error, "mdns: nothing is announced: no thread: {}.", error.what());
  }
}

void Mdns::stop() {
  if (!thread_.joinable()) return;
  orders_->stops.store(true, std::memory_order_relaxed);
  orders_->say();
  std::unique_lock lock(orders_->mutex);
  const bool ended = orders_->has_ended.wait_for(lock, kPatience, [this] { return orders_->ended; });
  lock.unlock();
  if (ended) return thread_.join();
  thread_.detach();  // it waits for D-Bus. Avahi takes back what was announced when our connection ends with us
}

}  // namespace bramble
