#include "bench/counts/gauge.h"

#include <cstdlib>
#include <ctime>
#include <new>
#include <unistd.h>

#include "core/base/check.h"

namespace bramble::counts {

namespace {

Gauge counted;
bool counting = false;
bool marks = false;

enum class Mark : std::size_t { outside = 1, inside = 2, edge = 3 };  // as icount.c knows them
void say(Mark mark) {
  if (marks) check(::write(-1, nullptr, static_cast<std::size_t>(mark)) < 0, "there is no descriptor -1");
}

void* allocate(std::size_t size) {
  if (counting) {
    ++counted.allocations;
    counted.allocated_bytes += size;
  }
  void* memory = std::malloc(size);
  check(memory != nullptr, "out of memory");
  return memory;
}

}  // namespace

const Gauge& gauge() { return counted; }
void say_marks() { marks = true; }
void window_edge() { say(Mark::edge); }

Outside::Outside() {
  counting = false;
  say(Mark::outside);
}
Outside::~Outside() {
  say(Mark::inside);
  counting = true;
}

}  // namespace bramble::counts

void* operator new(std::size_t size) { return bramble::counts::allocate(size); }
void* operator new[](std::size_t size) { return bramble::counts::allocate(size); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }

/// The one that libstdc++'s clocks ask, in place of the system's.
extern "C" int clock_gettime(clockid_t, timespec* now) noexcept {
  constexpr long kStep = 50'000;
  static timespec time{1'000'000, 0};
  if (bramble::counts::counting) ++bramble::counts::counted.clock_reads;
  time.tv_nsec += kStep;
  if (time.tv_nsec == 1'000'000'000) {
    ++time.tv_sec;
    time.tv_nsec = 0;
  }
  *now = time;
  return 0;
}
