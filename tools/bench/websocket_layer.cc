#include "tools/bench/websocket_layer.h"

#include <fmt/format.h>

#include "core/base/check.h"
#include "core/mqtt/frame.h"
#include "core/websocket/client_frames.h"

namespace bramble::bench {

void WebSocketLayer::begin(std::string& wire) { wire += upgrade_request({.host = host_, .path = path_}); }

std::string WebSocketLayer::receive(std::span<char> came, std::string& packets, std::string& wire) {
  if (open_) return take_frames(came, packets, wire);
  answer_.append(came.data(), came.size());
  const UpgradeAnswer answer = read_upgrade_answer(answer_, {.host = host_, .path = path_});
  if (answer.state == UpgradeAnswer::State::more) return {};
  if (answer.state == UpgradeAnswer::State::refused) {
    return fmt::format("no WebSocket: {} (status {})", answer.wrong, answer.status);
  }
  open_ = true;
  std::string frames = answer_.substr(answer.used);
  answer_ = {};
  return take_frames(frames, packets, wire);
}

std::string WebSocketLayer::take_frames(std::span<char> came, std::string& packets, std::string& wire) {
  const WebSocketInput::Taken taken = input_.take(came.data(), came.size());
  packets.append(came.data(), taken.payload);
  input_.take_replies(wire);
  if (taken.status == WebSocketInput::Status::failed) return fmt::format("the broker's frames: {}", taken.what);
  if (taken.status == WebSocketInput::Status::closed) {
    return fmt::format("closed by the broker (WebSocket {})", static_cast<unsigned>(taken.code));
  }
  return {};
}

void WebSocketLayer::send(std::string_view packets, std::string& wire) {
  while (!packets.empty()) {
    const auto frame = mqtt::next_frame(packets, 0);
    check(frame.has_value() && frame->size != 0, "only whole packets are sent");
    key_ = key_ * 1664525 + 1013904223;
    append_client_frame(wire, packets.substr(0, frame->size), key_);
    packets.remove_prefix(frame->size);
  }
}

}  // namespace bramble::bench
