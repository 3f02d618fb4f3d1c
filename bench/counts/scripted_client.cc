#include "bench/counts/scripted_client.h"

#include <algorithm>
#include <cstring>
#include <sys/eventfd.h>
#include <unistd.h>

#include "core/base/check.h"

#include "bench/counts/gauge.h"

namespace bramble::counts {

using mqtt::PacketType;

namespace {
unsigned byte_at(std::string_view bytes, std::size_t i) { return static_cast<unsigned char>(bytes[i]); }
}  // namespace

ScriptedClient::ScriptedClient(Traffic& traffic) : traffic_(traffic), event_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  check(event_ >= 0, "eventfd: is the limit of open files too low?");
}
ScriptedClient::~ScriptedClient() { ::close(event_); }

void ScriptedClient::say(std::string_view bytes) {
  if (bytes.empty()) return;
  if (unsaid_.empty()) {
    ++traffic_.waiting;
    check(::eventfd_write(event_, 1) == 0, "eventfd_write");
  }
  unsaid_.append(bytes);
}

Transport::Moved ScriptedClient::read(char* to, std::size_t size) {
  const Outside outside;
  const std::size_t bytes = std::min(size, unsaid_.size() - said_);
  if (bytes == 0) return {0, State::would_block};
  std::memcpy(to, unsaid_.data() + said_, bytes);
  said_ += bytes;
  if (said_ == unsaid_.size()) {
    unsaid_.clear();
    said_ = 0;
    --traffic_.waiting;
    eventfd_t drained = 0;
    check(::eventfd_read(event_, &drained) == 0, "eventfd_read");
  }
  return {bytes, State::open};
}

Transport::Moved ScriptedClient::write(std::span<const iovec> pieces) {
  const Outside outside;
  gathered_.clear();
  for (const iovec& piece : pieces) gathered_.append(static_cast<const char*>(piece.iov_base), piece.iov_len);
  hear(gathered_);
  return {gathered_.size(), State::open};
}

/// The broker writes whole packets, for this client takes all it is given.
void ScriptedClient::hear(std::string_view bytes) {
  answers_.clear();
  while (!bytes.empty()) {
    std::size_t at = 1, length = 0;
    for (unsigned shift = 0;; shift += 7) {
      const unsigned byte = byte_at(bytes, at++);
      length |= std::size_t{byte & 0x7F} << shift;
      if (byte < 0x80) break;
    }
    check(at + length <= bytes.size(), "the broker has written half a packet");
    hear_packet(static_cast<PacketType>(byte_at(bytes, 0) >> 4), byte_at(bytes, 0) & 0xF, bytes.substr(at, length));
    bytes.remove_prefix(at + length);
  }
  say(answers_);
}

void ScriptedClient::hear_packet(PacketType type, unsigned flags, std::string_view body) {
  const auto code_at = [&](std::size_t i) {  // 0x10: nobody subscribes, which is none
    if (body.size() > i && byte_at(body, i) >= 0x80) ++traffic_.refused;
  };
  switch (type) {
    case PacketType::publish: {
      ++traffic_.delivered;
      const unsigned qos = flags >> 1 & 3;
      const std::size_t id_at = 2 + (byte_at(body, 0) << 8 | byte_at(body, 1));
      if (qos == 1) answer(PacketType::puback, body.substr(id_at, 2));
      if (qos == 2) answer(PacketType::pubrec, body.substr(id_at, 2));
      return;
    }
    case PacketType::connack:
      if (byte_at(body, 1) != 0) ++traffic_.refused;
      return;
    case PacketType::suback: return code_at(body.size() - 1);
    case PacketType::pubrec: code_at(2); return answer(PacketType::pubrel, body);
    case PacketType::pubrel: code_at(2); return answer(PacketType::pubcomp, body);
    case PacketType::puback:
    case PacketType::pubcomp: return code_at(2);
    case PacketType::unsuback:
    case PacketType::pingresp: return;
    default: ++traffic_.refused;  // DISCONNECT among them
  }
}

void ScriptedClient::answer(PacketType type, std::string_view packet_id) {
  const unsigned flags = type == PacketType::pubrel ? 2 : 0;
  answers_.push_back(static_cast<char>(static_cast<unsigned>(type) << 4 | flags));
  answers_.push_back(2);
  answers_.append(packet_id.substr(0, 2));
}

}  // namespace bramble::counts
