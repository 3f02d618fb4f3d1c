#include "tools/bench/process.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <sys/resource.h>
#include <unistd.h>

namespace bramble::bench {

namespace {

std::chrono::duration<double> seconds_of(const timeval& time) {
  return std::chrono::seconds(time.tv_sec) + std::chrono::microseconds(time.tv_usec);
}

/// `path`: the stat file of a process or a thread.
std::optional<ProcessUse> use_in(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  if (!std::getline(file, line)) return std::nullopt;
  // The second field is the program's name in brackets, which may hold anything: what we want comes after it, as
  // fields 14 (utime), 15 (stime) and 24 (rss) of proc(5).
  std::istringstream fields(line.substr(line.rfind(')') + 1));
  std::string skipped;
  for (int field = 3; field < 14; ++field) fields >> skipped;
  double user_ticks = 0, system_ticks = 0, pages = 0;
  fields >> user_ticks >> system_ticks;
  for (int field = 16; field < 24; ++field) fields >> skipped;
  fields >> pages;
  if (!fields) return std::nullopt;
  const auto ticks_a_second = static_cast<double>(sysconf(_SC_CLK_TCK));
  return ProcessUse{std::chrono::duration<double>((user_ticks + system_ticks) / ticks_a_second),
                    pages * static_cast<double>(sysconf(_SC_PAGESIZE))};
}

}  // namespace

std::optional<ProcessUse> process_use(int pid) { return use_in("/proc/" + std::to_string(pid) + "/stat"); }

Load load() {
  Load load;
  std::error_code gone;  // a thread may end while we look
  for (const auto& thread : std::filesystem::directory_iterator("/proc/self/task", gone)) {
    const auto use = use_in(thread.path() / "stat");
    if (use) load.threads[std::atoi(thread.path().filename().c_str())] = use->cpu;
  }
  const std::filesystem::directory_iterator files("/proc/self/fd", gone);
  load.open_files = static_cast<std::size_t>(std::distance(begin(files), end(files)));
  // proc(5): user nice system idle iowait irq softirq steal
  std::ifstream stat("/proc/stat");
  std::string name;
  stat >> name;
  double ticks = 0;
  for (int field = 0; field < 8 && stat >> ticks; ++field) {
    load.machine_ticks += ticks;
    if (field == 3 || field == 4) load.idle_ticks += ticks;
  }
  return load;
}

std::size_t open_files_max() {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  return limit.rlim_cur;
}

std::chrono::duration<double> own_cpu() {
  rusage use{};
  getrusage(RUSAGE_SELF, &use);
  return seconds_of(use.ru_utime) + seconds_of(use.ru_stime);
}

std::size_t raise_open_files() {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  return open_files_max();
}

}  // namespace bramble::bench
