#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/websocket/frames.h"

/// The client's end of a WebSocket, for load generators and tests; what the server sends goes through a
/// WebSocketInput(Peer::server). Keys are the caller's: no browser's cache is to be protected from us (RFC 6455 10.3).
namespace bramble {

inline constexpr std::size_t kClientFrameHeaderMax = 14;
constexpr std::size_t client_frame_header_size(std::size_t payload) {
  return payload < 126 ? 6 : payload < 0x1'0000 ? 8 : 14;
}
/// Writes the header of a masked frame to `out`; returns its size. The first byte of `key` in memory is for the first
/// of the payload, which the caller masks: unmask().
std::size_t client_frame_header(char* out, std::size_t payload, std::uint32_t key, Opcode opcode = Opcode::binary,
                                bool last_fragment = true);
/// Header and payload, masked.
void append_client_frame(std::string& out, std::string_view payload, std::uint32_t key, Opcode opcode = Opcode::binary,
                         bool last_fragment = true);

struct UpgradeQuestion {
  std::string_view host;
  std::string_view path = "/mqtt";
  std::string_view key = "dGhlIHNhbXBsZSBub25jZQ==";  ///< base64 of 16 bytes
  std::string_view protocol = "mqtt";
  std::string_view more_headers = {};  ///< whole lines
};
std::string upgrade_request(const UpgradeQuestion& question);

struct UpgradeAnswer {
  enum class State : std::uint8_t { more, open, refused };
  State state = State::more;
  std::size_t used = 0;    ///< open: where the first frame begins
  unsigned status = 0;     ///< the server's, once its line is there and can be read
  std::string_view wrong;  ///< refused: why
};
/// `bytes`: all that came so far.  Errors: refused, for any status but 101 and for what RFC 6455 4.1 says of the
/// answer.
UpgradeAnswer read_upgrade_answer(std::string_view bytes, const UpgradeQuestion& question);

}  // namespace bramble
