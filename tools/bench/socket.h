#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>
#include <vector>

namespace bramble::bench {

struct Layering;

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

/// Where the broker listens, looked up once, and how to connect to it.
struct Endpoint {
  struct Address {
    sockaddr_storage address{};
    socklen_t size = 0;
  };

  Address broker;
  std::vector<Address> sources{};  ///< to connect from, client after client; none: as start_connect sees fit
  bool nodelay = true;
  std::shared_ptr<const Layering> layering{};  ///< null: MQTT goes over TCP as it is
};

/// Whether `text` is an IPv4 or IPv6 address.
bool is_address(const std::string& text);

/// `sources`: addresses (is_address). Nothing, and why in `fault`, if the name cannot be looked up or a source is not
/// of its kind.
std::optional<Endpoint> resolve(const std::string& host, std::uint16_t port, const std::vector<std::string>& sources,
                                std::string& fault);

/// A socket that connects, or why none does.
struct Connecting {
  Descriptor socket;
  std::string fault;
};

/// A non-blocking TCP socket on its way to the broker. One source address has only some 28,000 ports for it, so client
/// after client (`client_number`) takes the next of the sources; without any, on 127.x.x.x each group of 10,000 clients
/// has one of its own.
Connecting start_connect(const Endpoint& to, std::uint32_t client_number);

/// How the connect of a socket that became writable ended: 0 or an errno.
int connect_outcome(const Descriptor& socket);

/// Words for the errno of a connect. Where it is a limit of this machine, they name it, as it is now, and the cure.
std::string connect_fault(int error);

}  // namespace bramble::bench
