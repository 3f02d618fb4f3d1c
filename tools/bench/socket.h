#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>

namespace bramble::bench {

/// Owns a file descriptor.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Descriptor() { reset(); }

  void reset() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }
  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

/// Where the broker listens, looked up once.
struct Endpoint {
  sockaddr_storage address{};
  socklen_t size = 0;

  bool is_loopback_v4() const;
};

/// Nothing if the name cannot be looked up.
std::optional<Endpoint> resolve(const std::string& host, std::uint16_t port);

/// A non-blocking TCP socket on its way to `broker`, without Nagle's delay; none, with errno set, if that failed at
/// once. One loopback address has only some 28,000 ports, so on 127.x.x.x each group of 10,000 clients
/// (`client_number`) takes a source address of its own.
Descriptor start_connect(const Endpoint& broker, std::uint32_t client_number);

/// How the connect of a socket that became writable ended: 0 or an errno.
int connect_outcome(const Descriptor& socket);

}  // namespace bramble::bench
