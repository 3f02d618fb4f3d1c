#include "tests/support/raw_client.h"

#include <algorithm>
#include <arpa/inet.h>
#include <chrono>
#include <cstdlib>
#include <doctest/doctest.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <utility>

namespace bramble::testing {
namespace {

constexpr char kPingreq[] = {'\xC0', '\x00'};

int milliseconds_left(std::chrono::steady_clock::time_point until) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - std::chrono::steady_clock::now()).count();
  return left > 0 ? static_cast<int>(left) : 0;
}

void set_option(int socket, int option) {
  const int on = 1;
  ::setsockopt(socket, IPPROTO_TCP, option, &on, sizeof on);
}

std::string shown(const RawPacket& packet) {
  constexpr std::size_t kShownMax = 200;
  const std::string hex = to_hex(std::string_view(packet.bytes).substr(0, kShownMax));
  return packet.bytes.size() > kShownMax ? hex + " ..." : hex;
}

}  // namespace

void fail_at(const Where& where, const std::string& why) {
  ADD_FAIL_AT(where.file_name(), static_cast<int>(where.line()), why);
  std::abort();  // ADD_FAIL_AT has thrown
}

std::string to_hex(std::string_view bytes) {
  constexpr char digits[] = "0123456789ABCDEF";
  std::string text;
  bool quoted = false;
  for (const char c : bytes) {
    const bool printable = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '/';
    if (printable != quoted || !printable) text += quoted ? "' " : (text.empty() || text.back() == ' ') ? "" : " ";
    if (printable && !quoted) text += '\'';
    quoted = printable;
    if (printable) {
      text += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      text += digits[byte >> 4];
      text += digits[byte & 15];
    }
  }
  return quoted ? text + "'" : text;
}

RawClient::RawClient(std::uint16_t port, Where where) : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (socket_ < 0 || ::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    close();
    fail_at(where, "no TCP connection to port " + std::to_string(port));
  }
  set_option(socket_, TCP_NODELAY);
  set_option(socket_, TCP_QUICKACK);
}

RawClient::RawClient(const std::string& path, Where where) : socket_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::copy_n(path.begin(), std::min(path.size(), sizeof address.sun_path - 1), address.sun_path);
  if (socket_ < 0 || ::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    close();
    fail_at(where, "no connection to " + path);
  }
}

RawClient::RawClient(RawClient&& other) noexcept
    : socket_(std::exchange(other.socket_, -1)), unread_(std::move(other.unread_)), kept_(std::move(other.kept_)) {}

RawClient::~RawClient() { close(); }

void RawClient::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
}

bool RawClient::take_frame(RawPacket& packet) {
  std::size_t length = 0;
  std::size_t header = 1;
  for (unsigned shift = 0;; shift += 7) {
    if (header >= unread_.size()) return false;
    const auto byte = static_cast<unsigned char>(unread_[header++]);
    length |= static_cast<std::size_t>(byte & 127) << shift;
    if ((byte & 128) == 0) break;
  }
  if (unread_.size() < header + length) return false;
  packet.first = static_cast<std::uint8_t>(unread_[0]);
  packet.body = unread_.substr(header, length);
  packet.bytes = unread_.substr(0, header + length);
  unread_.erase(0, header + length);
  return true;
}

RawClient::Read RawClient::next(RawPacket& packet) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(kPatienceMs);
  while (!take_frame(packet)) {
    pollfd readable{socket_, POLLIN, 0};
    if (::poll(&readable, 1, milliseconds_left(until)) <= 0) return Read::timeout;
    char buffer[65536];
    const ssize_t got = ::recv(socket_, buffer, sizeof buffer, 0);
    set_option(socket_, TCP_QUICKACK);  // lasts for one read: else a broker with Nagle's delay waits 40 ms for us
    if (got <= 0) return Read::closed;
    unread_.append(buffer, static_cast<std::size_t>(got));
  }
  return Read::packet;
}

std::optional<RawPacket> RawClient::read_packet_or_close(Where where) {
  RawPacket packet;
  if (!kept_.empty()) {
    packet = std::move(kept_.front());
    kept_.pop_front();
    return packet;
  }
  switch (next(packet)) {
    case Read::packet: return packet;
    case Read::closed: return std::nullopt;
    case Read::timeout: fail_at(where, "nothing came; a packet was expected");
  }
  std::abort();
}

RawPacket RawClient::read_packet(Where where) {
  std::optional<RawPacket> packet = read_packet_or_close(where);
  if (!packet) fail_at(where, "the broker closed; a packet was expected");
  return *std::move(packet);
}

RawPacket RawClient::await(mqtt::PacketType type, Where where) {
  std::deque<RawPacket> kept = std::exchange(kept_, {});
  for (;;) {
    RawPacket packet = read_packet(where);
    if (packet.type() == type) {
      kept_ = std::move(kept);
      return packet;
    }
    if (packet.type() != mqtt::PacketType::publish) {
      fail_at(where,
              "packet type " + std::to_string(static_cast<int>(type)) + " was expected, this came: " + shown(packet));
    }
    kept.push_back(std::move(packet));
  }
}

void RawClient::expect(std::string_view bytes, Where where) {
  std::string wanted(bytes);
  while (!wanted.empty()) {
    const RawPacket packet = read_packet(where);
    if (!wanted.starts_with(packet.bytes)) {
      fail_at(where, to_hex(wanted) + " was expected, this came: " + shown(packet));
    }
    wanted.erase(0, packet.bytes.size());
  }
}

void RawClient::expect_close(Where where) {
  RawPacket packet;
  if (!kept_.empty()) fail_at(where, "a close was expected, this came: " + shown(kept_.front()));
  switch (next(packet)) {
    case Read::packet: fail_at(where, "a close was expected, this came: " + shown(packet));
    case Read::closed: return;
    case Read::timeout: fail_at(where, "a close was expected, the connection stays open");
  }
}

void RawClient::expect_disconnect(std::initializer_list<unsigned> codes, Where where) {
  std::optional<RawPacket> read = read_packet_or_close(where);
  while (read && read->type() == mqtt::PacketType::publish) read = read_packet_or_close(where);
  if (!read && std::getenv("BRAMBLE_TEST_DISCONNECT_OPTIONAL")) return;  // only recommended: section 4.13.1
  if (!read) fail_at(where, "a DISCONNECT was expected; the broker closed without one");
  const RawPacket& packet = *read;
  const unsigned code = packet.body.empty() ? 0 : static_cast<unsigned char>(packet.body[0]);
  if (packet.first != 0xE0 || std::find(codes.begin(), codes.end(), code) == codes.end()) {
    std::string wanted;
    for (const unsigned each : codes) wanted += " " + to_hex(std::string(1, static_cast<char>(each)));
    fail_at(where, "DISCONNECT with" + wanted + " was expected, this came: " + shown(packet));
  }
  kept_.clear();
  expect_close(where);
}

void RawClient::expect_refusal(mqtt::Version version, std::initializer_list<unsigned> codes, Where where) {
  if (version == mqtt::Version::v5) return expect_disconnect(codes, where);
  expect_close(where);
}

void RawClient::expect_nothing(Where where) {
  if (!kept_.empty()) fail_at(where, "nothing was expected, this came: " + shown(kept_.front()));
  send({kPingreq, 2});
  const RawPacket packet = read_packet(where);
  if (packet.type() != mqtt::PacketType::pingresp) {
    fail_at(where, "nothing was expected, this came: " + shown(packet));
  }
}

void RawClient::ping(Where where) {
  send({kPingreq, 2});
  await(mqtt::PacketType::pingresp, where);
}

void RawClient::drop() {
  if (socket_ < 0) return;
  ::shutdown(socket_, SHUT_WR);
  RawPacket packet;
  while (next(packet) == Read::packet) {
  }
  close();
}

void RawClient::close() {
  if (socket_ >= 0) ::close(std::exchange(socket_, -1));
}

void RawClient::discard() {
  char buffer[65536];
  while (::recv(socket_, buffer, sizeof buffer, MSG_DONTWAIT) > 0) {
  }
  unread_.clear();
  kept_.clear();
}

void RawClient::shrink_receive_buffer(int bytes) { ::setsockopt(socket_, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes); }

}  // namespace bramble::testing
