#include "broker/reactor/inbox.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include "core/base/check.h"

namespace bramble {

namespace {
constexpr Milliseconds kLateAfter{20};
}  // namespace

Inbox::Inbox(unsigned producers, std::size_t level_bytes)
    : queue_(producers), level_bytes_(level_bytes), wake_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  check(wake_ >= 0, "eventfd");
}
Inbox::~Inbox() { ::close(wake_); }

void Inbox::post(ReactorId from, std::uint64_t place, Message message) {
  add(message);
  queue_.push(from.value, place, std::move(message));
  wake();
}

void Inbox::post(Message message) {
  add(message);
  queue_.push(std::move(message));
  wake();
}

void Inbox::add(const Message& message) {
  const auto* const handoff = std::get_if<std::unique_ptr<Handoff>>(&message);
  if (!handoff) return;
  const std::size_t before = bytes_.fetch_add((*handoff)->bytes, std::memory_order_relaxed);
  if (before == 0) moved_.store((*handoff)->posted, std::memory_order_relaxed);
}

void Inbox::wake() {
  std::atomic_thread_fence(std::memory_order_seq_cst);  // pairs with fall_asleep's, between its flag and its last look
  if (sleeping_.load(std::memory_order_relaxed) && sleeping_.exchange(false, std::memory_order_relaxed)) {
    const std::uint64_t one = 1;
    check(::write(wake_, &one, sizeof one) == sizeof one, "eventfd write");
  }
}

bool Inbox::fall_asleep() {
  sleeping_.store(true, std::memory_order_relaxed);
  std::atomic_thread_fence(std::memory_order_seq_cst);  // pairs with wake's
  if (queue_.looks_empty()) return true;
  stay_awake();
  return false;
}

std::uint64_t Inbox::done(const Handoff& handoff, SteadyTime now) {
  const std::size_t left = bytes_.fetch_sub(handoff.bytes, std::memory_order_relaxed) - handoff.bytes;
  const bool late = left != 0 && now - handoff.posted > kLateAfter;
  if (late != late_.load(std::memory_order_relaxed)) late_.store(late, std::memory_order_relaxed);
  moved_.store(now, std::memory_order_relaxed);
  if (late || left > level_bytes_ / 2) return 0;
  std::atomic_thread_fence(std::memory_order_seq_cst);  // pairs with tell_when_eased's
  return waiting_.load(std::memory_order_relaxed) == 0 ? 0 : waiting_.exchange(0, std::memory_order_relaxed);
}

/// Its owner may be held up by one thing: then it cannot say itself that it is late.
Inbox::Level Inbox::level(SteadyTime now) const {
  const std::size_t bytes = bytes_.load(std::memory_order_relaxed);
  if (bytes > 2 * level_bytes_) return Level::drop_qos0;
  if (bytes > level_bytes_) return Level::slow;
  if (bytes == 0) return Level::normal;
  const bool late = late_.load(std::memory_order_relaxed) || now - moved_.load(std::memory_order_relaxed) > kLateAfter;
  return late ? Level::slow : Level::normal;
}

bool Inbox::tell_when_eased(ReactorId from, SteadyTime now) {
  waiting_.fetch_or(std::uint64_t{1} << from.value, std::memory_order_relaxed);
  std::atomic_thread_fence(std::memory_order_seq_cst);  // pairs with done's: one of the two sees the other
  return level(now) != Level::normal;
}

}  // namespace bramble
