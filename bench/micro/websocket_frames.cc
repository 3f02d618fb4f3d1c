#include <benchmark/benchmark.h>
#include <cstring>
#include <string>

#include "core/websocket/client_frames.h"
#include "core/websocket/frames.h"

// A read full of a client's frames, unmasked in place as the transport does it. Time is per frame. Each round needs the
// bytes as they came, so `copy` beside it is what that alone costs.

namespace bramble {

namespace {

constexpr std::size_t kRead = 16 * 1024;

std::string frames_of(std::size_t payload) {
  std::string bytes;
  const std::string content(payload, 'x');
  for (std::uint32_t key = 0x1234'5678; bytes.size() + payload + 14 <= kRead; key = key * 2654435761u + 1) {
    append_client_frame(bytes, content, key);
  }
  return bytes;
}

template <class Take>
void frames(benchmark::State& state, Take take) {
  const auto payload = static_cast<std::size_t>(state.range(0));
  const std::string came = frames_of(payload);
  std::string buffer = came;
  for (auto _ : state) {
    std::memcpy(buffer.data(), came.data(), came.size());
    benchmark::DoNotOptimize(take(buffer));
    benchmark::ClobberMemory();
  }
  const auto per_read = static_cast<double>(came.size() / (payload + client_frame_header_size(payload)));
  state.counters["frame"] =
      benchmark::Counter(per_read, benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}

void unmasked(benchmark::State& state) {
  WebSocketInput input;
  frames(state, [&input](std::string& bytes) { return input.take(bytes.data(), bytes.size()).payload; });
}
BENCHMARK(unmasked)->Arg(8)->Arg(64)->Arg(200)->Arg(1'024)->Arg(16'000);

void copy(benchmark::State& state) {
  frames(state, [](std::string& bytes) { return bytes.size(); });
}
BENCHMARK(copy)->Arg(64)->Arg(1'024);

}  // namespace

}  // namespace bramble
