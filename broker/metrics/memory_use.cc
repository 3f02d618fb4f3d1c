#include "broker/metrics/memory_use.h"

#include <algorithm>
#include <cstddef>
#include <fstream>
#include <unistd.h>

// mimalloc's, if the program is linked with it: the tests and the sanitizers' builds are not.
extern "C" [[gnu::weak]] void mi_process_info(std::size_t* elapsed_msecs, std::size_t* user_msecs,
                                              std::size_t* system_msecs, std::size_t* current_rss,
                                              std::size_t* peak_rss, std::size_t* current_commit,
                                              std::size_t* peak_commit, std::size_t* page_faults);

namespace bramble {

namespace {

std::uint64_t resident() {
  std::ifstream file("/proc/self/statm");
  std::uint64_t total = 0, pages = 0;
  file >> total >> pages;
  return pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

}  // namespace

MemoryUse memory_use() {
  static std::uint64_t maximum = 0;
  MemoryUse use;
  if (mi_process_info != nullptr) {
    std::size_t elapsed = 0, user = 0, system = 0, rss = 0, peak_rss = 0, commit = 0, peak_commit = 0, faults = 0;
    mi_process_info(&elapsed, &user, &system, &rss, &peak_rss, &commit, &peak_commit, &faults);
    use = {commit, peak_commit};
  } else {
    use.current = resident();
  }
  maximum = std::max({maximum, use.current, use.maximum});
  use.maximum = maximum;
  return use;
}

}  // namespace bramble
