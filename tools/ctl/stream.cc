#include "tools/ctl/stream.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace bramble::ctl {

namespace {

constexpr std::size_t kReadBytes = 64 << 10;

tl::unexpected<std::string> wrong(std::string message) { return tl::unexpected<std::string>(std::move(message)); }

std::string why_not(const Place& place, int error) {
  std::string cannot = "cannot connect to " + place.name() + ": " + std::strerror(error);
  if (place.control) {
    if (error == EACCES) return cannot + "; only root and the account that the broker runs as may";
    return fmt::format("{}; is the broker running, started with `control_socket {}` in its configuration?", cannot,
                       place.unix_socket);
  }
  if (!place.unix_socket.empty()) {
    switch (error) {
      case ENOENT:
      case ECONNREFUSED:
        return fmt::format("{}; is the broker running, with `listener 0 {}`?", cannot, place.unix_socket);
      case EACCES: return cannot + "; unix_socket_mode, and the folder's mode, say which accounts may";
      default: return cannot;
    }
  }
  switch (error) {
    case ECONNREFUSED:
      return fmt::format("{}; nothing listens there: is the broker running, and is {} the port (-p)?", cannot,
                         place.port_used());
    case ETIMEDOUT: return cannot + "; is that the host (-h), and does a firewall let the port through?";
    case EHOSTUNREACH:
    case ENETUNREACH: return cannot + "; is that the host (-h), and is this machine in a network with it?";
    default: return cannot;
  }
}

/// A connected socket, or -1 and errno.
int connect_to(int family, const sockaddr* address, socklen_t size, SteadyTime until) {
  const int socket = ::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (socket < 0) return -1;
  int error = 0;
  if (::connect(socket, address, size) != 0) error = errno;
  if (error == EINPROGRESS) {
    pollfd writable{socket, POLLOUT, 0};
    int ready = 0;
    do {
      ready = ::poll(&writable, 1, milliseconds_until(until));
    } while (ready < 0 && errno == EINTR);
    socklen_t error_size = sizeof error;
    if (ready == 0) {
      error = ETIMEDOUT;
    } else {
      ::getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &error_size);
    }
  }
  if (error == 0) return socket;
  ::close(socket);
  errno = error;
  return -1;
}

OrMessage<int> open_unix(const Place& place, SteadyTime until) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (place.unix_socket.size() >= sizeof address.sun_path) {
    return wrong(fmt::format("the path of a Unix socket has at most {} bytes", sizeof address.sun_path - 1));
  }
  std::memcpy(address.sun_path, place.unix_socket.data(), place.unix_socket.size());
  const int socket = connect_to(AF_UNIX, reinterpret_cast<const sockaddr*>(&address), sizeof address, until);
  if (socket < 0) return wrong(why_not(place, errno));
  return socket;
}

/// The first address that answers.
OrMessage<int> open_tcp(const Place& place, SteadyTime until) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const std::string port = std::to_string(place.port_used());
  if (const int error = ::getaddrinfo(place.host.c_str(), port.c_str(), &hints, &found); error != 0) {
    return wrong(fmt::format("{} has no address: {}; is that the host (-h)?", place.host, ::gai_strerror(error)));
  }
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> addresses(found, &::freeaddrinfo);
  std::size_t left = 0;
  int error = ECONNREFUSED;
  for (const addrinfo* each = found; each; each = each->ai_next) ++left;
  for (const addrinfo* each = found; each; each = each->ai_next, --left) {
    const int socket = connect_to(each->ai_family, each->ai_addr, each->ai_addrlen, share_of(until, left));
    if (socket >= 0) {
      const int on = 1;
      ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      return socket;
    }
    error = errno;
  }
  return wrong(why_not(place, error));
}

class Plain : public Stream {
 public:
  Plain(int descriptor, std::string name) : Stream(descriptor, std::move(name)) {}
};

}  // namespace

std::uint16_t Place::port_used() const {
  constexpr std::uint16_t kPlain = 1883, kTls = 8883;
  return port != 0 ? port : tls() ? kTls : kPlain;
}

std::string Place::name() const {
  if (!unix_socket.empty()) return unix_socket;
  const bool v6 = host.find(':') != std::string::npos;
  return fmt::format("{}{}{}:{}", v6 ? "[" : "", host, v6 ? "]" : "", port_used());
}

int milliseconds_until(SteadyTime until) {
  if (until == kNever) return -1;
  const auto left = std::chrono::ceil<Milliseconds>(until - std::chrono::steady_clock::now());
  return static_cast<int>(std::clamp<Milliseconds::rep>(left.count(), 0, 1 << 30));
}

SteadyTime share_of(SteadyTime until, std::size_t left) {
  if (until == kNever) return kNever;
  const SteadyTime now = std::chrono::steady_clock::now();
  return now + (until - now) / static_cast<int>(left);
}

OrMessage<std::unique_ptr<Stream>> Stream::open(const Place& place, SteadyTime until) {
  const auto socket = place.unix_socket.empty() ? open_tcp(place, until) : open_unix(place, until);
  if (!socket) return wrong(socket.error());
  const std::string& ahead = place.before_tls;  // what is new takes so little at once
  if (::send(*socket, ahead.data(), ahead.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(ahead.size())) {
    ::close(*socket);
    return wrong(fmt::format("the connection to {} broke: {}", place.name(), std::strerror(errno)));
  }
  if (place.tls()) return open_tls(*socket, place, until);
  return std::make_unique<Plain>(*socket, place.name());
}

Stream::~Stream() { ::close(descriptor_); }

bool Stream::wait(Wants wants, SteadyTime until) const {
  pollfd ready{descriptor_, static_cast<short>(wants == Wants::to_write ? POLLOUT : POLLIN), 0};
  int answer = 0;
  do {
    answer = ::poll(&ready, 1, milliseconds_until(until));
  } while (answer < 0 && errno == EINTR);
  return answer > 0;
}

OrMessage<void> Stream::write(std::string_view bytes, SteadyTime until) {
  while (!bytes.empty()) {
    const auto step = write_some(bytes);
    if (!step) return wrong(step.error());
    bytes.remove_prefix(step->bytes);
    if (step->wants != Wants::nothing && !wait(step->wants, until)) {
      return wrong(name_ + " takes no more bytes: the broker, or the network to it, has stopped");
    }
  }
  return {};
}

OrMessage<std::string_view> Stream::read() {
  buffer_.resize(kReadBytes);
  const auto step = read_some(buffer_);
  if (!step) return wrong(step.error());
  return std::string_view(buffer_).substr(0, step->bytes);
}

OrMessage<Stream::Step> Stream::write_some(std::string_view bytes) {
  const ssize_t taken = ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  if (taken >= 0) return Step{static_cast<std::size_t>(taken), Wants::nothing};
  if (errno == EINTR) return Step{};
  if (errno == EAGAIN) return Step{0, Wants::to_write};
  return wrong(fmt::format("the connection to {} broke: {}", name_, std::strerror(errno)));
}

OrMessage<Stream::Step> Stream::read_some(std::span<char> to) {
  const ssize_t got = ::recv(descriptor_, to.data(), to.size(), 0);
  if (got > 0) return Step{static_cast<std::size_t>(got), Wants::nothing};
  if (got == 0) return wrong("the broker closed the connection");
  if (errno == EAGAIN || errno == EINTR) return Step{0, Wants::to_read};
  return wrong(fmt::format("the connection to {} broke: {}", name_, std::strerror(errno)));
}

}  // namespace bramble::ctl
