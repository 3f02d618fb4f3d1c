#include "broker/net/bound_socket.h"

#include <cerrno>
#include <cstring>
#include <fmt/format.h>
#include <memory>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "broker/log.h"
#include "broker/net/tcp.h"

namespace bramble {

namespace {

constexpr int kBacklog = 4096;

/// `option` is the one to blame, if it has a line of its own beside the listener's.
tl::unexpected<std::string> wrong(const ListenerOptions& options, std::string_view what, std::string_view option = {}) {
  const auto given = options.origins.find(option);
  std::string where = options.declared_at.empty() ? "" : options.declared_at + ": ";
  if (given != options.origins.end() && given->second != options.declared_at) {
    where = given->second + ": " + std::string(option) + ": ";
  }
  return tl::unexpected<std::string>(where + std::string(what));
}

std::string remedy(int error) {
  switch (error) {
    case EADDRINUSE: return "another program, or another listener of this file, has it; choose another port or stop it";
    case EACCES: return "ports below 1024 need root or CAP_NET_BIND_SERVICE; choose another port";
    case EADDRNOTAVAIL: return "no interface of this machine has that address; give one that `ip address` shows";
    case ENODEV: return "no such network device; `ip link` shows those that there are";
    case EPERM: return "bind_interface needs root or CAP_NET_RAW";
    default: return "check the listener's port and address";
  }
}

int set(int socket, int level, int name, int value = 1) {
  return ::setsockopt(socket, level, name, &value, sizeof value);
}

bool some_interface_has(const addrinfo& address) {
  const int probe = ::socket(address.ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  const bool has = ::bind(probe, address.ai_addr, address.ai_addrlen) == 0 || errno != EADDRNOTAVAIL;
  ::close(probe);
  return has;
}

/// A listening socket on `address`, or -1 with errno set.
int listen_on(const addrinfo& address, const ListenerOptions& options, bool beside_own) {
  const int socket = ::socket(address.ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (socket < 0) return -1;
  const bool v6 = address.ai_family == AF_INET6;
  set(socket, SOL_SOCKET, SO_REUSEADDR);
  set(socket, SOL_SOCKET, SO_REUSEPORT, beside_own);
  if (v6) set(socket, IPPROTO_IPV6, IPV6_V6ONLY);
  // an address that a machine gets later: a Pi may start before its network
  if (!options.bind_address.empty()) set(socket, v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? IPV6_FREEBIND : IP_FREEBIND);
  const std::string& device = options.bind_interface;
  const bool device_bound = device.empty() || ::setsockopt(socket, SOL_SOCKET, SO_BINDTODEVICE, device.c_str(),
                                                           static_cast<socklen_t>(device.size())) == 0;
  if (device_bound && ::bind(socket, address.ai_addr, address.ai_addrlen) == 0 && ::listen(socket, kBacklog) == 0) {
    set(socket, SOL_SOCKET, SO_REUSEPORT, 0);
    return socket;
  }
  const int error = errno;
  ::close(socket);
  errno = error;
  return -1;
}

/// What a broker that was killed has left behind is taken away; what somebody listens on is not. Empty: the way is
/// free.
std::string in_the_way(const sockaddr_un& address) {
  const int probe = ::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);  // its backlog may be full
  const bool refused =
      ::connect(probe, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 && errno == ECONNREFUSED;
  ::close(probe);
  struct stat found {};
  if (refused && ::lstat(address.sun_path, &found) == 0 && S_ISSOCK(found.st_mode)) ::unlink(address.sun_path);
  if (::lstat(address.sun_path, &found) != 0) return {};
  return "it is there already; stop what listens on it, or choose another path";
}

std::string cannot_listen(const std::string& path, std::string_view why) {
  return fmt::format("Cannot listen on {}: {}", path, why);
}

}  // namespace

std::string BoundSocket::no_unix_path(const std::string& path) {
  constexpr std::size_t kBytes = sizeof(sockaddr_un::sun_path);
  if (path.size() >= kBytes) {
    return cannot_listen(path, fmt::format("a Unix socket's path has at most {} bytes", kBytes - 1));
  }
  struct stat found {};
  if (::lstat(path.c_str(), &found) != 0 || S_ISSOCK(found.st_mode)) return {};
  return cannot_listen(path, "it is there already; it is no socket; choose another path");
}

OrMessage<BoundSocket> BoundSocket::open_unix(const std::string& path, unsigned mode) {
  if (std::string wrong = no_unix_path(path); !wrong.empty()) return tl::unexpected(std::move(wrong));
  const auto cannot = [&](std::string_view why) { return tl::unexpected<std::string>(cannot_listen(path, why)); };
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  if (const std::string why = in_the_way(address); !why.empty()) return cannot(why);
  const int socket = ::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  const ::mode_t mask = ::umask(0777 & ~mode);
  const bool bound = ::bind(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  const bool there = bound && ::listen(socket, kBacklog) == 0;
  const int error = errno;
  ::umask(mask);
  BoundSocket opened(socket, bound ? path : std::string());  // a file that is not ours stays
  if (there) return opened;
  return cannot(fmt::format("{}; name a path in a folder that Bramble may write to", std::strerror(error)));
}

namespace {

int family(SocketDomain domain) {
  return domain == SocketDomain::any ? AF_UNSPEC : domain == SocketDomain::ipv4 ? AF_INET : AF_INET6;
}

}  // namespace

BoundSocket::~BoundSocket() {
  if (descriptor_ < 0) return;
  ::close(descriptor_);
  if (!file_.empty()) ::unlink(file_.c_str());
}

std::string BoundSocket::address() const { return tcp() ? socket_name(descriptor_) : file_; }

void BoundSocket::give_to(std::uint32_t user) const {
  if (tcp()) static_cast<void>(::fchown(descriptor_, user, static_cast<gid_t>(-1)));  // if not, a reload says so
}

void BoundSocket::share_port(bool shares) const {
  if (tcp()) set(descriptor_, SOL_SOCKET, SO_REUSEPORT, shares);
}

OrMessage<std::vector<BoundSocket>> BoundSocket::open(const ListenerOptions& options, bool beside_own) {
  std::vector<BoundSocket> sockets;
  if (options.unix_socket()) {
    auto bound = open_unix(options.bind_address, options.unix_socket_mode);
    if (!bound) return wrong(options, bound.error());
    sockets.push_back(std::move(*bound));
    return sockets;
  }
  const std::string port = std::to_string(options.port);
  addrinfo hints{};
  hints.ai_family = family(options.socket_domain);
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE;
  addrinfo* found = nullptr;
  const char* host = options.bind_address.empty() ? nullptr : options.bind_address.c_str();
  if (const int error = ::getaddrinfo(host, port.c_str(), &hints, &found); error != 0) {
    return wrong(options,
                 fmt::format("Cannot listen on {}: {}; give an address or name of this machine", options.bind_address,
                             ::gai_strerror(error)),
                 "bind_address");
  }
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> addresses(found, &::freeaddrinfo);
  int refused = 0, missing = EADDRNOTAVAIL;
  for (const addrinfo* address = found; address; address = address->ai_next) {
    const int socket = listen_on(*address, options, beside_own);
    if (socket >= 0) {
      sockets.emplace_back(socket, std::string());
      if (host && !some_interface_has(*address)) {
        log::write(LogType::warning, "No interface has the address of {} yet ({}): clients reach it once one has.",
                   sockets.back().address(), options.declared_at);
      }
    } else if (errno != EAFNOSUPPORT && !(host == nullptr && errno == EADDRNOTAVAIL)) {
      refused = errno;
    } else {
      missing = errno;  // a machine without IPv6 (or IPv4) is no error when all interfaces were asked for
    }
  }
  if (refused == 0 && sockets.empty()) refused = missing;
  if (refused == 0) return sockets;
  return wrong(options,
               fmt::format("Cannot listen on port {}{}{}: {}; {}", port, host ? " of " : "", options.bind_address,
                           std::strerror(refused), remedy(refused)),
               refused == ENODEV || refused == EPERM ? "bind_interface" : "");
}

}  // namespace bramble
