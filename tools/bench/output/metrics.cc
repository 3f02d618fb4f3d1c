#include "tools/bench/output/metrics.h"

#include <array>
#include <chrono>
#include <poll.h>
#include <sys/eventfd.h>

#include "tools/bench/output/json.h"

namespace bramble::bench {

namespace {

constexpr int kPatienceMs = 2'000;
constexpr std::size_t kRequestMax = 8'192;

/// One metric with its help and type, and one value.
void add(std::string& to, std::string_view name, std::string_view type, std::string_view help, double value) {
  const std::string full = "bramble_bench_" + std::string(name);
  to += "# HELP " + full + " " + std::string(help) + "\n# TYPE " + full + " " + std::string(type) + "\n" + full + " " +
        Json(value).dump() + "\n";
}

std::string info(const std::string& labels) {
  return "# HELP bramble_bench_info What runs\n# TYPE bramble_bench_info gauge\nbramble_bench_info{" + labels + "} 1\n";
}

void add_latency(std::string& to, const Histogram& latency) {
  constexpr std::array<double, 16> kBounds{10e-6, 50e-6, 100e-6, 200e-6, 500e-6, 1e-3,   2e-3, 5e-3,
                                           10e-3, 20e-3, 50e-3,  100e-3, 200e-3, 500e-3, 1,    5};
  const std::string name = "bramble_bench_latency_seconds";
  to += "# HELP " + name + " From when a message should have left to its delivery\n# TYPE " + name + " histogram\n";
  std::size_t bucket = 0;
  double below = 0, sum = 0;
  const auto count_to = [&](double bound) {
    for (; bucket < Histogram::kBuckets; ++bucket) {
      const double value = std::chrono::duration<double>(Histogram::value_of(bucket)).count();
      if (value > bound) break;
      const auto times = static_cast<double>(latency.in_bucket(bucket));
      below += times;
      sum += times * value;
    }
    return Json(below).dump();
  };
  for (const double bound : kBounds)
    to += name + "_bucket{le=\"" + Json(bound).dump() + "\"} " + count_to(bound) + "\n";
  to += name + "_bucket{le=\"+Inf\"} " + count_to(1e9) + "\n";
  to += name + "_sum " + Json(sum).dump() + "\n" + name + "_count " + Json(below).dump() + "\n";
}

std::string http(std::string_view status, const std::string& body) {
  return "HTTP/1.1 " + std::string(status) +
         "\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\nContent-Length: " +
         std::to_string(body.size()) + "\r\nConnection: close\r\n\r\n" + body;
}

}  // namespace

std::string metrics_label(std::string_view name, std::string_view value) {
  std::string text = std::string(name) + "=\"";
  for (const char c : value) {
    if (c == '\\' || c == '"') text += '\\';
    text += c == '\n' ? std::string("\\n") : std::string(1, c);
  }
  return text + "\"";
}

std::string metrics_text(const std::string& labels, const Moment& moment) {
  const Counts& counts = moment.counts;
  const Second& now = moment.seconds.back();
  std::string text = info(labels);
  add(text, "elapsed_seconds", "gauge", "Since the run began", moment.elapsed);
  add(text, "measuring", "gauge", "1 while what happens counts for the result", moment.phase == "measure" ? 1 : 0);
  add(text, std::string(counts.in_name) + "_total", "counter", "Since the run began", static_cast<double>(counts.in));
  if (!counts.out_name.empty()) {
    add(text, std::string(counts.out_name) + "_total", "counter", "Since the run began",
        static_cast<double>(counts.out));
  }
  add(text, "clients_connected", "gauge", "Clients that are connected", counts.connected);
  add(text, "missing", "gauge", "Messages overtaken by a later one and not seen yet: lost, unless they still come",
      static_cast<double>(counts.missing));
  add(text, "duplicates_total", "counter", "Deliveries of what was delivered before",
      static_cast<double>(counts.duplicates));
  add(text, "reordered_total", "counter", "Deliveries after a message that was sent later",
      static_cast<double>(counts.reordered));
  add_latency(text, counts.latency);
  if (now.broker_cores)
    add(text, "broker_cpu_cores", "gauge", "CPUs the broker used in the last second", *now.broker_cores);
  if (now.broker_mb) {
    add(text, "broker_resident_bytes", "gauge", "The broker's memory", *now.broker_mb * (1 << 20));
  }
  add(text, "generator_thread_busy_ratio", "gauge", "Share of a CPU that the busiest thread of this process used",
      now.busiest_thread);
  return text;
}

MetricsServer::MetricsServer(Descriptor listener, std::string labels)
    : listener_(std::move(listener)),
      stop_(::eventfd(0, EFD_CLOEXEC)),
      labels_(std::move(labels)),
      text_(info(labels_)) {
  thread_ = std::thread([this] { serve(); });
}

MetricsServer::~MetricsServer() {
  ::eventfd_write(stop_.get(), 1);
  thread_.join();
}

void MetricsServer::show(const Moment& moment) {
  std::string text = metrics_text(labels_, moment);
  const std::lock_guard lock(mutex_);
  text_ = std::move(text);
}

void MetricsServer::serve() {
  std::array<pollfd, 2> waits{{{stop_.get(), POLLIN, 0}, {listener_.get(), POLLIN, 0}}};
  while (::poll(waits.data(), waits.size(), -1) >= 0 && !waits[0].revents) {
    const Descriptor client(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (client) answer(client);
  }
}

void MetricsServer::answer(const Descriptor& client) {
  const timeval patience{.tv_sec = kPatienceMs / 1'000, .tv_usec = 0};
  ::setsockopt(client.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  std::string request;
  std::array<char, 2'048> bytes;
  while (request.find("\r\n\r\n") == std::string::npos && request.size() < kRequestMax) {
    std::array<pollfd, 2> waits{{{stop_.get(), POLLIN, 0}, {client.get(), POLLIN, 0}}};
    if (::poll(waits.data(), waits.size(), kPatienceMs) <= 0 || waits[0].revents) return;
    const ssize_t got = ::recv(client.get(), bytes.data(), bytes.size(), 0);
    if (got <= 0) return;
    request.append(bytes.data(), static_cast<std::size_t>(got));
  }
  const std::string response = response_to(request);
  for (std::size_t sent = 0; sent < response.size();) {
    const ssize_t more = ::send(client.get(), response.data() + sent, response.size() - sent, MSG_NOSIGNAL);
    if (more <= 0) return;
    sent += static_cast<std::size_t>(more);
  }
}

std::string MetricsServer::response_to(std::string_view request) {
  if (!request.starts_with("GET ")) return http("405 Method Not Allowed", "GET /metrics\n");
  const auto path = request.substr(4, request.find_first_of(" ?\r", 4) - 4);
  if (path != "/metrics") return http("404 Not Found", "GET /metrics\n");
  const std::lock_guard lock(mutex_);
  return http("200 OK", text_);
}

}  // namespace bramble::bench
