#include "broker/net/bound_socket.h"

#include <cerrno>
#include <cstring>
#include <fmt/format.h>
#include <memory>
#include <netdb.h>
#include <netinet/in.h>
#include <optional>
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

sockaddr_un address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  return address;
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
  const sockaddr_un address = address_of(path);
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

using Addresses = std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)>;

/// Where a listener with a port is to be.
OrMessage<Addresses> resolve(const ListenerOptions& options) {
  addrinfo hints{};
  hints.ai_family = family(options.socket_domain);
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE;
  addrinfo* found = nullptr;
  const char* host = options.bind_address.empty() ? nullptr : options.bind_address.c_str();
  const int error = ::getaddrinfo(host, std::to_string(options.port).c_str(), &hints, &found);
  if (error != 0) return tl::unexpected<std::string>(::gai_strerror(error));
  return Addresses(found, &::freeaddrinfo);
}

/// Among those that were handed over.
std::optional<BoundSocket> taken(HandedSockets* handed, const sockaddr& address, const ListenerOptions& options,
                                 const std::string& file = {}) {
  const auto given = handed ? handed->take(address, options) : HandedSockets::Socket();
  if (given.descriptor < 0) return {};
  ::listen(given.descriptor, kBacklog);
  return BoundSocket(given.descriptor, file,
                     HandedSockets::is_ours(given) ? BoundSocket::Keeper::store : BoundSocket::Keeper::unit);
}

}  // namespace

BoundSocket::~BoundSocket() {
  if (descriptor_ < 0) return;
  ::close(descriptor_);
  if (!file_.empty() && keeper_ == Keeper::none) ::unlink(file_.c_str());
}

void BoundSocket::give_up() {
  if (keeper_ != Keeper::store) return;
  keeper_ = Keeper::none;
  ::shutdown(descriptor_, SHUT_RDWR);  // of the manager's descriptor too, until it is told
}

std::string BoundSocket::address() const { return tcp() ? socket_name(descriptor_) : file_; }

void BoundSocket::give_to(std::uint32_t user) const {
  if (tcp()) static_cast<void>(::fchown(descriptor_, user, static_cast<gid_t>(-1)));  // if not, a reload says so
}

void BoundSocket::share_port(bool shares) const {
  if (tcp()) set(descriptor_, SOL_SOCKET, SO_REUSEPORT, shares);
}

void BoundSocket::want(const ListenerOptions& options, HandedSockets& handed) {
  if (options.unix_socket()) {
    const sockaddr_un address = address_of(options.bind_address);
    return handed.want(reinterpret_cast<const sockaddr&>(address), options);
  }
  const auto found = resolve(options);
  if (!found) return;  // open() tells
  for (const addrinfo* address = found->get(); address; address = address->ai_next) {
    handed.want(*address->ai_addr, options);
  }
}

OrMessage<std::vector<BoundSocket>> BoundSocket::open_path(const ListenerOptions& options, HandedSockets* handed) {
  std::vector<BoundSocket> sockets;
  const std::string& path = options.bind_address;
  const sockaddr_un address = address_of(path);
  if (auto given = taken(handed, reinterpret_cast<const sockaddr&>(address), options, path)) {
    ::chmod(path.c_str(), options.unix_socket_mode);
    sockets.push_back(std::move(*given));
    return sockets;
  }
  auto bound = open_unix(path, options.unix_socket_mode);
  if (!bound) return wrong(options, bound.error());
  sockets.push_back(std::move(*bound));
  return sockets;
}

OrMessage<std::vector<BoundSocket>> BoundSocket::open(const ListenerOptions& options, bool beside_own,
                                                      HandedSockets* handed) {
  if (options.unix_socket()) return open_path(options, handed);
  const char* host = options.bind_address.empty() ? nullptr : options.bind_address.c_str();
  const auto found = resolve(options);
  if (!found) {
    return wrong(options,
                 fmt::format("Cannot listen on {}: {}; give an address or name of this machine", options.bind_address,
                             found.error()),
                 "bind_address");
  }
  std::vector<BoundSocket> sockets;
  int refused = 0, missing = EADDRNOTAVAIL;
  for (const addrinfo* address = found->get(); address; address = address->ai_next) {
    auto given = taken(handed, *address->ai_addr, options);
    const int socket = given ? -1 : listen_on(*address, options, beside_own);
    if (given || socket >= 0) {
      sockets.push_back(given ? std::move(*given) : BoundSocket(socket, std::string()));
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
               fmt::format("Cannot listen on port {}{}{}: {}; {}", options.port, host ? " of " : "",
                           options.bind_address, std::strerror(refused), remedy(refused)),
               refused == ENODEV || refused == EPERM ? "bind_interface" : "");
}

}  // namespace bramble
