#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "core/mqtt/frame.h"
#include "tools/bench/socket.h"

namespace bramble::testing {

/// As much of a broker as publishers and subscribers at QoS 0 and 1 need, with a hand on every message. Subscribers are
/// taken to be one group: message after message is for the next of them.
/// Threads: one of its own from the constructor to the destructor; `forward` runs on it.
class Relay {
 public:
  /// Appends what the subscriber is to get for `packet`, a whole PUBLISH that carries the sequence number.
  using Forward = std::function<void(std::uint64_t sequence, std::string_view packet, std::string& to_subscriber)>;

  /// `receive_buffer`: bytes that the kernel may hold for us of each client; 0: as it likes.
  explicit Relay(Forward forward, int receive_buffer = 0);
  ~Relay();

  std::uint16_t port() const { return port_; }

 private:
  struct Client {
    bench::Descriptor socket;
    std::string in;
    std::string out;
    bool subscribed = false;
  };

  void run();
  /// False: the client is gone.
  bool read(Client& client);
  void handle(Client& client, const mqtt::Frame& frame, std::string_view packet);
  std::string& next_subscriber_out();

  const Forward forward_;
  bench::Descriptor listener_;
  bench::Descriptor stop_;
  std::uint16_t port_ = 0;
  std::vector<Client> clients_;
  std::size_t published_ = 0;
  std::string unheard_;
  std::thread thread_;
};

}  // namespace bramble::testing
