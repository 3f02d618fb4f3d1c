#include "core/sync/quiescence.h"

#include <limits>

#include "core/base/check.h"
#include "core/base/ring.h"

namespace bramble {
namespace {

constexpr std::uint64_t kOffline = std::numeric_limits<std::uint64_t>::max();

struct Retired {
  std::uint64_t epoch = 0;
  void* object = nullptr;
  Quiescence::Free free = nullptr;
};

}  // namespace

struct alignas(64) Quiescence::Line {
  std::atomic<std::uint64_t> seen{kOffline};  // the epoch this reactor's turn began at; written by it alone
  Ring<Retired> waiting;                      // its own retirings, oldest first; nobody else looks
};

Quiescence::Quiescence(unsigned reactors) : reactors_(reactors), lines_(std::make_unique<Line[]>(reactors)) {
  check(reactors >= 1 && reactors <= kReactorsMax, "a broker has 1 to 64 reactors");
}

Quiescence::~Quiescence() {
  for (unsigned i = 0; i < reactors_; ++i) {
    auto& waiting = lines_[i].waiting;
    while (!waiting.empty()) {
      const Retired it = waiting.pop_front();
      it.free(it.object);
    }
  }
}

void Quiescence::online(ReactorId here) {
  // release: whoever reads this also has the reads of the turns before it behind it.
  lines_[here.value].seen.store(epoch_.load(std::memory_order_acquire), std::memory_order_release);
  // Pairs with the fence in collect(): either that sees us online, or we see what was unlinked before it.
  std::atomic_thread_fence(std::memory_order_seq_cst);
}

void Quiescence::quiescent(ReactorId here) {
  // No full fence: the acquire keeps later reads behind the epoch they were told of (pairs with the fetch_add in
  // retire()), the release keeps earlier reads before it (pairs with the acquire in oldest_seen()).
  lines_[here.value].seen.store(epoch_.load(std::memory_order_acquire), std::memory_order_release);
}

void Quiescence::offline(ReactorId here) {
  lines_[here.value].seen.store(kOffline, std::memory_order_release);  // pairs with the acquire in oldest_seen()
}

void Quiescence::retire(ReactorId here, void* object, Free free) {
  // release: who reads the new epoch sees the unlinking. Pairs with the acquire loads in online() and quiescent().
  const std::uint64_t epoch = epoch_.fetch_add(1, std::memory_order_acq_rel) + 1;
  lines_[here.value].waiting.push_back({epoch, object, free});
}

bool Quiescence::collect(ReactorId here) {
  auto& waiting = lines_[here.value].waiting;
  if (waiting.empty()) return false;
  std::atomic_thread_fence(std::memory_order_seq_cst);  // pairs with the one in online()
  const std::uint64_t oldest = oldest_seen();
  while (!waiting.empty() && waiting.front().epoch <= oldest) {
    const Retired it = waiting.pop_front();
    it.free(it.object);
  }
  return !waiting.empty();
}

std::uint64_t Quiescence::oldest_seen() const {
  std::uint64_t oldest = kOffline;
  for (unsigned i = 0; i < reactors_; ++i) {
    const std::uint64_t seen = lines_[i].seen.load(std::memory_order_acquire);
    if (seen < oldest) oldest = seen;
  }
  return oldest;
}

}  // namespace bramble
