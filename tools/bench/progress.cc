#include "tools/bench/progress.h"

#include <cstdio>
#include <unistd.h>

namespace bramble::bench {

Progress::Progress(bool silent, SteadyTime start)
    : silent_(silent),
      overwrites_(::isatty(STDERR_FILENO) == 1),
      start_(start),
      last_(start),
      next_(start + Seconds(1)) {}

Progress::~Progress() {
  if (wrote_ && overwrites_) std::fputc('\n', stderr);
}

void Progress::line(SteadyTime now, std::string_view what, std::uint64_t in, std::uint64_t out,
                    const Histogram& latency) {
  const auto seconds = std::chrono::duration<double>(now - last_).count();
  const auto rate = [seconds](std::uint64_t more) { return static_cast<double>(more) / seconds; };
  const std::chrono::duration<double, std::milli> p99 = latency.since(latency_).percentile(0.99);
  std::fprintf(stderr, "%s%4.0f s  %-8.*s  in %9.0f/s  out %9.0f/s  p99 %8.3f ms%s", overwrites_ ? "\r" : "",
               std::chrono::duration<double>(now - start_).count(), static_cast<int>(what.size()), what.data(),
               rate(in - in_), rate(out - out_), p99.count(), overwrites_ ? "" : "\n");
  wrote_ = true;
  last_ = now;
  next_ = now + Seconds(1);
  in_ = in;
  out_ = out;
  latency_ = latency;
}

}  // namespace bramble::bench
