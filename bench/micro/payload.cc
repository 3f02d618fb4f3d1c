#include <arpa/inet.h>
#include <benchmark/benchmark.h>
#include <fcntl.h>
#include <memory>
#include <netinet/in.h>
#include <string>
#include <sys/socket.h>
#include <unistd.h>

#include "broker/connection/write_queue.h"
#include "broker/net/tcp.h"
#include "core/base/check.h"

// A payload on its way to many: counted references, and copy against reference by size.

namespace bramble {

namespace {

MessagePtr message(std::size_t payload) {
  const std::string bytes(payload, 'x');
  return MessagePtr::make({"site/17/dev/40412/temp", {}, bytes}, ApplicationMessage::Facts{});
}

/// Everybody has the same message, as reactors do.
void keep_across_threads(benchmark::State& state) {
  static const MessagePtr shared = message(64);
  for (auto _ : state) {
    MessagePtr kept = shared;
    benchmark::DoNotOptimize(kept);
  }
}
BENCHMARK(keep_across_threads)->Threads(1)->Threads(2)->UseRealTime();

void keep_in_one_reactor(benchmark::State& state) {
  const LocalMessage local{message(64)};
  for (auto _ : state) {
    LocalMessage kept = local;
    benchmark::DoNotOptimize(kept);
  }
}
BENCHMARK(keep_in_one_reactor);

/// The one allocation that a message costs which somebody keeps.
void make_message(benchmark::State& state) {
  const std::string payload(static_cast<std::size_t>(state.range(0)), 'x');
  for (auto _ : state) {
    benchmark::DoNotOptimize(MessagePtr::make({"site/17/dev/40412/temp", {}, payload}, ApplicationMessage::Facts{}));
  }
}
BENCHMARK(make_message)->Arg(64)->Arg(1'024)->Arg(16'384);

/// Both ends of a TCP connection over loopback.
struct Pair {
  Pair() {
    const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* const generic = reinterpret_cast<sockaddr*>(&address);
    check(::bind(listener, generic, size) == 0 && ::listen(listener, 1) == 0, "a port of loopback is free");
    ::getsockname(listener, generic, &size);
    far = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    check(::connect(far, generic, size) == 0, "loopback connects");
    near = make_tcp_transport(::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    ::close(listener);
  }
  ~Pair() { ::close(far); }
  Pair(const Pair&) = delete;

  /// Throws away so much of what has come.
  void drain(std::size_t bytes) const {
    while (bytes > 0) {
      const ssize_t got = ::recv(far, nullptr, bytes, MSG_TRUNC);
      check(got > 0, "the other end has written it");
      bytes -= static_cast<std::size_t>(got);
    }
  }

  std::unique_ptr<Transport> near;
  int far = -1;
};

constexpr std::int64_t kMessagesAFlush = 8;
constexpr std::string_view kHead = "\x30\x7F\0\x16site/17/dev/40412/temp";

/// Eight messages to one client, then one write. The argument is the payload's size.
void to_client(benchmark::State& state, bool by_reference) {
  const auto size = static_cast<std::size_t>(state.range(0));
  const LocalMessage kept{message(size)};
  const Pair pair;
  WriteQueue queue;
  for (auto _ : state) {
    for (std::int64_t i = 0; i < kMessagesAFlush; ++i) {
      queue.append(kHead);
      if (by_reference) {
        queue.append_reference(kept->payload(), kept);
      } else {
        queue.append(kept->payload());
      }
    }
    const std::size_t bytes = queue.bytes();
    check(queue.flush(*pair.near).bytes == bytes, "the socket takes it all");
    pair.drain(bytes);
  }
  state.SetItemsProcessed(state.iterations() * kMessagesAFlush);
}
BENCHMARK_CAPTURE(to_client, copied, false)->RangeMultiplier(2)->Range(512, 16'384);
BENCHMARK_CAPTURE(to_client, referred_to, true)->RangeMultiplier(2)->Range(512, 16'384);

}  // namespace

}  // namespace bramble
