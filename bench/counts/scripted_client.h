#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "broker/reactor/transport.h"
#include "core/mqtt/types.h"

namespace bramble::counts {

/// What all clients of a scene have done.
struct Traffic {
  std::size_t waiting = 0;  ///< clients with bytes that the broker has not read
  std::uint64_t delivered = 0;
  std::uint64_t refused = 0;  ///< CONNACKs, SUBACKs, acknowledgements that are not a success
};

/// A client whose network is memory: the broker reads what it was given to say, what the broker writes is answered as
/// QoS 1 and 2 ask for, and thrown away. Its descriptor is an eventfd, readable while there is something to say, so
/// that a real reactor can wait for it.  Threads: the reactor's.
class ScriptedClient final : public Transport {
 public:
  explicit ScriptedClient(Traffic& traffic);
  ~ScriptedClient() override;
  ScriptedClient(const ScriptedClient&) = delete;

  void say(std::string_view bytes);

  int descriptor() const override { return event_; }
  Moved read(char* to, std::size_t size) override;
  Moved write(std::span<const iovec> pieces) override;
  void finish() override {}
  std::string peer() const override { return "memory"; }

 private:
  void hear(std::string_view bytes);
  void hear_packet(mqtt::PacketType type, unsigned flags, std::string_view body);
  void answer(mqtt::PacketType type, std::string_view packet_id);

  Traffic& traffic_;
  int event_;
  std::string unsaid_;
  std::size_t said_ = 0;
  std::string answers_;
  std::string gathered_;
};

}  // namespace bramble::counts
