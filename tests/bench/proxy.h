#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "core/mqtt/types.h"
#include "tools/bench/sequence.h"
#include "tools/bench/socket.h"

namespace bramble::testing {

/// Stands between clients and a broker and has a hand on every message that the broker delivers; all else goes through
/// as it is.
/// Threads: one of its own from the constructor to the destructor; `forward` runs on it.
class Proxy {
 public:
  /// Appends what the subscriber is to get for `packet`, a whole PUBLISH with that Stamp.
  using Forward = std::function<void(const bench::Stamp& stamp, std::string_view packet, std::string& to_subscriber)>;

  Proxy(std::uint16_t broker_port, mqtt::Version version, Forward forward);
  ~Proxy();

  std::uint16_t port() const { return port_; }

 private:
  struct Pair {
    bench::Descriptor client;
    bench::Descriptor broker;
    std::string from_broker;  ///< the beginning of a packet
  };

  void run();
  void accept();
  bool to_broker(Pair& pair);
  bool to_client(Pair& pair);

  const std::uint16_t broker_port_;
  const mqtt::Version version_;
  const Forward forward_;
  bench::Descriptor listener_;
  bench::Descriptor stop_;
  std::uint16_t port_ = 0;
  std::vector<std::unique_ptr<Pair>> pairs_;
  std::thread thread_;
};

}  // namespace bramble::testing
