#include "broker/net/tcp.h"

#include <array>
#include <cerrno>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace bramble {

namespace {

Transport::Moved outcome(ssize_t result) {
  if (result >= 0) return {static_cast<std::size_t>(result), Transport::State::open};
  const bool later = errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
  return {0, later ? Transport::State::would_block : Transport::State::closed};
}

std::string text_of(const sockaddr* address, socklen_t size) {
  std::array<char, NI_MAXHOST> host{};
  std::array<char, NI_MAXSERV> port{};
  if (::getnameinfo(address, size, host.data(), host.size(), port.data(), port.size(),
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
    return {};
  }
  std::string text(host.data());
  if (text.starts_with("::ffff:") && text.find('.') != std::string::npos) text.erase(0, 7);  // IPv4 on an IPv6 socket
  if (text.find(':') != std::string::npos) text = "[" + text + "]";
  return text + ":" + port.data();
}

class TcpTransport final : public Transport {
 public:
  explicit TcpTransport(int socket) : socket_(socket) {
    socklen_t size = sizeof peer_;
    if (::getpeername(socket_, reinterpret_cast<sockaddr*>(&peer_), &size) != 0) peer_.sin6_family = AF_UNSPEC;
  }
  ~TcpTransport() override { ::close(socket_); }

  int descriptor() const override { return socket_; }
  Moved read(char* to, std::size_t size) override {
    Moved moved = outcome(::recv(socket_, to, size, MSG_DONTWAIT));
    if (moved.state == State::open && moved.bytes == 0) moved.state = State::closed;
    read_to_its_end_ = moved.state == State::closed;
    return moved;
  }
  Moved write(std::span<const iovec> pieces) override {
    if (pieces.size() == 1) {
      return outcome(::send(socket_, pieces[0].iov_base, pieces[0].iov_len, MSG_DONTWAIT | MSG_NOSIGNAL));
    }
    msghdr message{};
    message.msg_iov = const_cast<iovec*>(pieces.data());  // sendmsg does not write there
    message.msg_iovlen = pieces.size();
    return outcome(::sendmsg(socket_, &message, MSG_DONTWAIT | MSG_NOSIGNAL));
  }
  void finish() override {
    if (read_to_its_end_) return;
    ::shutdown(socket_, SHUT_WR);
    std::array<char, 16 * 1024> unread;
    for (int i = 0; i < 64 && ::recv(socket_, unread.data(), unread.size(), MSG_DONTWAIT) > 0; ++i) {
    }
  }
  std::string peer() const override {
    if (peer_.sin6_family == AF_UNIX) return "unix";
    const bool four = peer_.sin6_family == AF_INET;
    return text_of(reinterpret_cast<const sockaddr*>(&peer_), four ? sizeof(sockaddr_in) : sizeof peer_);
  }
  std::string kind() const override { return peer_.sin6_family == AF_UNIX ? "unix" : "tcp"; }

 private:
  const int socket_;
  sockaddr_in6 peer_{};  ///< or a sockaddr_in; kept, for the kernel does not tell it of a connection that was reset
  bool read_to_its_end_ = false;  ///< nothing is left whose close would reset the connection
};

}  // namespace

std::unique_ptr<Transport> make_tcp_transport(int socket) { return std::make_unique<TcpTransport>(socket); }

std::string socket_name(int socket) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size) != 0) return {};
  return text_of(reinterpret_cast<const sockaddr*>(&address), size);
}

std::string peer_name(int socket) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (::getpeername(socket, reinterpret_cast<sockaddr*>(&address), &size) != 0) return {};
  if (address.ss_family == AF_UNIX) return "unix";
  return text_of(reinterpret_cast<const sockaddr*>(&address), size);
}

std::string host_of(std::string_view name) {
  if (name.starts_with('[')) return std::string(name.substr(1, name.find(']') - 1));
  return std::string(name.substr(0, name.rfind(':')));
}

}  // namespace bramble
