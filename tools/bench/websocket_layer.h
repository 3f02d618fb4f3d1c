#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "core/websocket/frames.h"

namespace bramble::bench {

/// A client's WebSocket over bytes in memory. As Layers, whose part it is.
class WebSocketLayer {
 public:
  WebSocketLayer(const std::string& host, const std::string& path) : host_(host), path_(path) {}

  void begin(std::string& wire);
  bool open() const { return open_; }
  std::string receive(std::span<char> came, std::string& packets, std::string& wire);
  void send(std::string_view packets, std::string& wire);

 private:
  std::string take_frames(std::span<char> came, std::string& packets, std::string& wire);

  const std::string& host_;
  const std::string& path_;
  bool open_ = false;
  std::string answer_;  ///< what came of the answer to the upgrade
  WebSocketInput input_{WebSocketInput::Peer::server};
  std::uint32_t key_ = 0x9E3779B9;
};

}  // namespace bramble::bench
