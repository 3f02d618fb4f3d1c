#include "tools/bench/remote/wire.h"

#include <array>
#include <cerrno>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>

namespace bramble::bench {

namespace {

constexpr std::size_t kLengthBytes = 4;

std::size_t length_at(const std::string& bytes) {
  std::size_t length = 0;
  for (std::size_t i = 0; i < kLengthBytes; ++i) length = length << 8 | static_cast<unsigned char>(bytes[i]);
  return length;
}

}  // namespace

Wire::Wire(Descriptor socket) : socket_(std::move(socket)) {
  const int on = 1;
  ::setsockopt(socket_.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  const timeval patience{.tv_sec = 60, .tv_usec = 0};
  ::setsockopt(socket_.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
}

bool Wire::send(std::string_view type, Json::Object members) {
  members.emplace(members.begin(), "type", std::string(type));
  const std::string text = Json(std::move(members)).dump();
  std::string bytes;
  for (std::size_t i = kLengthBytes; i-- > 0;) bytes += static_cast<char>(text.size() >> 8 * i & 0xFF);
  bytes += text;
  for (std::size_t sent = 0; sent < bytes.size();) {
    const ssize_t more = ::send(socket_.get(), bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
    if (more < 0 && errno == EINTR) continue;
    if (more <= 0) return false;
    sent += static_cast<std::size_t>(more);
  }
  return true;
}

Wire::Got Wire::take(Json& message) {
  if (in_.size() < kLengthBytes) return Got::nothing;
  const std::size_t length = length_at(in_);
  if (length > kBytesMax) return Got::gone;
  if (in_.size() < kLengthBytes + length) return Got::nothing;
  auto parsed = Json::parse(std::string_view(in_).substr(kLengthBytes, length));
  if (!parsed) return Got::gone;
  message = std::move(*parsed);
  in_.erase(0, kLengthBytes + length);
  return Got::message;
}

Wire::Got Wire::receive(int milliseconds, Json& message) {
  while (true) {
    if (const Got got = take(message); got != Got::nothing) return got;
    pollfd wait{.fd = socket_.get(), .events = POLLIN, .revents = 0};
    const int ready = ::poll(&wait, 1, milliseconds);
    if (ready == 0 || (ready < 0 && errno == EINTR)) return Got::nothing;
    std::array<char, 64 * 1024> bytes;
    const ssize_t got = ::recv(socket_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return Got::nothing;
    if (got <= 0) return Got::gone;
    in_.append(bytes.data(), static_cast<std::size_t>(got));
  }
}

}  // namespace bramble::bench
