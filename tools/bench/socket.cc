#include "tools/bench/socket.h"

#include <arpa/inet.h>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>

namespace bramble::bench {

namespace {

constexpr std::uint32_t kClientsPerAddress = 10'000;

std::optional<Endpoint::Address> look_up(const std::string& host, std::uint16_t port, int flags) {
  addrinfo wanted{};
  wanted.ai_socktype = SOCK_STREAM;
  wanted.ai_flags = flags;
  addrinfo* found = nullptr;
  if (::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &wanted, &found) != 0) return std::nullopt;
  Endpoint::Address result;
  std::memcpy(&result.address, found->ai_addr, found->ai_addrlen);
  result.size = found->ai_addrlen;
  ::freeaddrinfo(found);
  return result;
}

std::optional<Endpoint::Address> numeric(const std::string& text) { return look_up(text, 0, AI_NUMERICHOST); }

bool is_loopback_v4(const Endpoint::Address& of) {
  if (of.address.ss_family != AF_INET) return false;
  sockaddr_in v4{};
  std::memcpy(&v4, &of.address, sizeof v4);
  return ntohl(v4.sin_addr.s_addr) >> 24 == 127;
}

Endpoint::Address loopback(std::uint32_t number) {
  sockaddr_in v4{};
  v4.sin_family = AF_INET;
  v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK + number);
  Endpoint::Address result;
  std::memcpy(&result.address, &v4, sizeof v4);
  result.size = sizeof v4;
  return result;
}

/// Where the client connects from; nothing: the kernel chooses.
std::optional<Endpoint::Address> source_for(const Endpoint& to, std::uint32_t client_number) {
  if (!to.sources.empty()) return to.sources[client_number % to.sources.size()];
  if (client_number < kClientsPerAddress || !is_loopback_v4(to.broker)) return std::nullopt;
  return loopback(client_number / kClientsPerAddress);
}

bool bind_source(const Descriptor& socket, const Endpoint::Address& source) {
  const int on = 1;  // the port is chosen at connect, per destination
  ::setsockopt(socket.get(), SOL_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
  return ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&source.address), source.size) == 0;
}

/// The first line of a file of /proc/sys, its tabs as spaces.
std::string setting(const char* path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  for (char& c : line) c = c == '\t' ? ' ' : c;
  return line;
}

std::string open_files_fault() {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  return "no file descriptor is left: this process may open " + std::to_string(limit.rlim_cur) +
         " (ulimit -n). Raise the hard limit (ulimit -Hn, LimitNOFILE=, /etc/security/limits.conf), or share the "
         "clients "
         "out among several bramble-bench";
}

}  // namespace

bool is_address(const std::string& text) { return numeric(text).has_value(); }

std::optional<Endpoint> resolve(const std::string& host, std::uint16_t port, const std::vector<std::string>& sources,
                                std::string& fault) {
  const auto broker = look_up(host, port, 0);
  if (!broker) {
    fault = "no address for " + host;
    return std::nullopt;
  }
  Endpoint endpoint{.broker = *broker};
  for (const std::string& text : sources) {
    const auto source = numeric(text);
    if (!source || source->address.ss_family != broker->address.ss_family) {
      fault = "--source " + text + " is not of the same kind as the broker's address: one is IPv4, the other IPv6";
      return std::nullopt;
    }
    endpoint.sources.push_back(*source);
  }
  return endpoint;
}

Connecting start_connect(const Endpoint& to, std::uint32_t client_number) {
  Descriptor socket(::socket(to.broker.address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket) return {{}, connect_fault(errno)};
  const int nodelay = to.nodelay ? 1 : 0;
  ::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &nodelay, sizeof nodelay);
  if (const auto source = source_for(to, client_number); source && !bind_source(socket, *source)) {
    if (errno == EADDRNOTAVAIL) return {{}, "a --source is not an address of this machine (see: ip address)"};
    return {{}, connect_fault(errno)};
  }
  const auto* address = reinterpret_cast<const sockaddr*>(&to.broker.address);
  if (::connect(socket.get(), address, to.broker.size) != 0 && errno != EINPROGRESS) return {{}, connect_fault(errno)};
  return {std::move(socket), {}};
}

int connect_outcome(const Descriptor& socket) {
  int error = 0;
  socklen_t size = sizeof error;
  ::getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &error, &size);
  return error;
}

std::string connect_fault(int error) {
  switch (error) {
    case EMFILE: return open_files_fault();
    case ENFILE:
      return "no file descriptor is left on this machine: fs.file-max is " + setting("/proc/sys/fs/file-max") +
             ". Raise it with sysctl";
    case EADDRNOTAVAIL:
    case EADDRINUSE:
      return "no port is left for this destination: net.ipv4.ip_local_port_range is " +
             setting("/proc/sys/net/ipv4/ip_local_port_range") +
             " for each source address, less those of connections that we closed in the last minute. Give more "
             "addresses of this machine with --source A,B, or widen the range "
             "with "
             "sysctl";
    case ENOBUFS:
    case ENOMEM: return "the kernel has no memory for another socket (net.ipv4.tcp_mem)";
    default: return std::strerror(error);
  }
}

}  // namespace bramble::bench
