#include "tools/bench/output/metrics.h"

#include <array>
#include <doctest/doctest.h>
#include <sstream>
#include <string>

using namespace bramble::bench;
using std::chrono::microseconds;

namespace {

Counts some_counts() {
  Counts counts{.in = 30, .out = 20, .connected = 4, .missing = 3, .duplicates = 2, .reordered = 1};
  for (const int us : {5, 60, 60, 700}) counts.latency.record(microseconds(us));
  return counts;
}

const std::vector<Second> kSeconds{{.at = 2, .broker_cores = 0.5, .broker_mb = 2.0, .busiest_thread = 0.75}};

/// What the server says to `request`, until it closes.
std::string ask(std::uint16_t port, const std::string& request) {
  const auto server = look_up({"127.0.0.1", port});
  const Descriptor client(::socket(AF_INET, SOCK_STREAM, 0));
  const auto* where = reinterpret_cast<const sockaddr*>(&server->address);
  REQUIRE(::connect(client.get(), where, server->size) == 0);
  REQUIRE(::send(client.get(), request.data(), request.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(request.size()));
  std::string response;
  std::array<char, 4'096> bytes;
  for (ssize_t got = 0; (got = ::recv(client.get(), bytes.data(), bytes.size(), 0)) > 0;) {
    response.append(bytes.data(), static_cast<std::size_t>(got));
  }
  return response;
}

}  // namespace

TEST_CASE("the metrics of a run are in Prometheus' text format") {
  const Counts counts = some_counts();
  const std::string text =
      metrics_text("scenario=\"pairs\"", {.phase = "measure", .elapsed = 2, .counts = counts, .seconds = kSeconds});
  for (const char* line :
       {"bramble_bench_info{scenario=\"pairs\"} 1", "bramble_bench_published_total 30",
        "bramble_bench_delivered_total 20", "bramble_bench_clients_connected 4", "bramble_bench_missing 3",
        "bramble_bench_duplicates_total 2", "bramble_bench_reordered_total 1", "bramble_bench_measuring 1",
        "bramble_bench_latency_seconds_bucket{le=\"1e-05\"} 1", "bramble_bench_latency_seconds_bucket{le=\"0.0001\"} 3",
        "bramble_bench_latency_seconds_bucket{le=\"+Inf\"} 4", "bramble_bench_latency_seconds_count 4",
        "bramble_bench_broker_cpu_cores 0.5", "bramble_bench_broker_resident_bytes 2097152",
        "bramble_bench_generator_thread_busy_ratio 0.75"}) {
    CAPTURE(line);
    CHECK(("\n" + text).find("\n" + std::string(line) + "\n") != std::string::npos);
  }
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {  // a comment, or NAME VALUE
    CAPTURE(line);
    CHECK((line.starts_with("# HELP bramble_bench_") || line.starts_with("# TYPE bramble_bench_") ||
           line.starts_with("bramble_bench_")));
  }
}

TEST_CASE("the value of a label is escaped") { CHECK(metrics_label("a", "x\"\\\n") == "a=\"x\\\"\\\\\\n\""); }

TEST_CASE("the metrics are served over HTTP, and nothing else is") {
  MetricsServer server(listen_on({"127.0.0.1", 0}), "scenario=\"pairs\"");
  const std::string before = ask(server.port(), "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
  CHECK(before.starts_with("HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4"));
  CHECK(before.ends_with("bramble_bench_info{scenario=\"pairs\"} 1\n"));
  const Counts counts = some_counts();
  server.show({.phase = "measure", .elapsed = 2, .counts = counts, .seconds = kSeconds});
  CHECK(ask(server.port(), "GET /metrics?x HTTP/1.0\r\n\r\n").find("bramble_bench_published_total 30\n") !=
        std::string::npos);
  CHECK(ask(server.port(), "GET / HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 404 "));
  CHECK(ask(server.port(), "POST /metrics HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 405 "));
  CHECK(ask(server.port(), std::string(10'000, 'x')).starts_with("HTTP/1.1 405 "));
}

TEST_CASE("an address is a port, or a host and a port") {
  CHECK(read_address("9090") == Address{"127.0.0.1", 9090});
  CHECK(read_address("0.0.0.0:9090") == Address{"0.0.0.0", 9090});
  CHECK(read_address("[::1]:9090") == Address{"::1", 9090});
  CHECK(read_address("0", true) == Address{"127.0.0.1", 0});
  for (const char* wrong : {"", ":1", "x", "host:", "host:x", "0", "65536", "1.5"}) {
    CAPTURE(wrong);
    CHECK_FALSE(read_address(wrong));
  }
}
