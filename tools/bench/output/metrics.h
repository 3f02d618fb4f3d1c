#pragma once

#include <mutex>
#include <string>
#include <thread>

#include "tools/bench/address.h"
#include "tools/bench/progress.h"

namespace bramble::bench {

/// A run in Prometheus' text format 0.0.4. `labels`: what the run is, as the labels of bramble_bench_info.
std::string metrics_text(const std::string& labels, const Moment& moment);
/// NAME="VALUE", the value escaped as the format asks.
std::string metrics_label(std::string_view name, std::string_view value);

/// GET /metrics over HTTP: what the run looked like when it was last shown, at most a second ago. Until the run has
/// begun only what it is. One request after the other; who sends nothing for two seconds is dropped.
/// Threads: show() on the main thread; a thread of its own answers, from the constructor to the destructor.
class MetricsServer final : public Viewer {
 public:
  /// `listener`: see listen_on.
  MetricsServer(Descriptor listener, std::string labels);
  ~MetricsServer() override;

  std::uint16_t port() const { return port_of(listener_); }
  void show(const Moment& moment) override;

 private:
  void serve();
  void answer(const Descriptor& client);
  std::string response_to(std::string_view request);

  const Descriptor listener_;
  const Descriptor stop_;
  const std::string labels_;
  std::mutex mutex_;
  std::string text_;  ///< under mutex_
  std::thread thread_;
};

}  // namespace bramble::bench
