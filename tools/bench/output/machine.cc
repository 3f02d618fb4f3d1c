#include "tools/bench/output/machine.h"

#include <array>
#include <ctime>
#include <fstream>
#include <iterator>
#include <sstream>
#include <sys/utsname.h>
#include <unistd.h>

namespace bramble::bench {

namespace {

std::string read_file(const char* path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// What follows "NAME : " on the first line that begins so; empty if none does.
std::string field(const std::string& text, std::string_view name) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    const auto colon = line.find(": ");
    if (colon == std::string::npos || !line.starts_with(name)) continue;
    const auto rest = line.find_first_not_of(" \t", name.size());
    if (rest == colon) return line.substr(colon + 2);
  }
  return {};
}

}  // namespace

std::string cpu_model(const std::string& cpuinfo) {
  const std::string name = field(cpuinfo, "model name");
  return name.empty() ? field(cpuinfo, "Model") : name;
}

Json::Object describe_machine() {
  utsname kernel{};
  ::uname(&kernel);
  std::string cpu = cpu_model(read_file("/proc/cpuinfo"));
  if (cpu.empty()) cpu = kernel.machine;
  const auto memory = static_cast<double>(sysconf(_SC_PHYS_PAGES)) * static_cast<double>(sysconf(_SC_PAGESIZE));
  return {{"cpu", cpu},
          {"cores", static_cast<double>(sysconf(_SC_NPROCESSORS_ONLN))},
          {"kernel", std::string(kernel.sysname) + " " + kernel.release + " " + kernel.machine},
          {"memory_mb", static_cast<double>(static_cast<long>(memory / (1 << 20)))}};
}

std::string time_of_day() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  ::gmtime_r(&now, &parts);
  std::array<char, 32> text{};
  std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text.data();
}

}  // namespace bramble::bench
