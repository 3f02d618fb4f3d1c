#include "broker/metrics/memory_use.h"

#include <fstream>
#include <limits>
#include <string>

extern "C" [[gnu::weak]] void mi_collect(bool force) noexcept;  // not there in programs without mimalloc

namespace bramble {

MemoryUse memory_use() {
  MemoryUse use;
  std::ifstream status("/proc/self/status");
  for (std::string name; status >> name;) {
    std::uint64_t kib = 0;
    if (name == "VmRSS:" && status >> kib) use.current = kib * 1024;
    if (name == "VmHWM:" && status >> kib) use.maximum = kib * 1024;
    status.ignore(std::numeric_limits<std::streamsize>::max(), '\n');
  }
  return use;
}

void return_free_memory() {
  if (mi_collect) mi_collect(true);
}

}  // namespace bramble
