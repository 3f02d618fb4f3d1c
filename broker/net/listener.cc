#include "broker/net/listener.h"

#include <cerrno>
#include <cstring>
#include <fmt/format.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "broker/log.h"
#include "broker/net/tcp.h"
#include "broker/reactor/reactor_timer.h"

namespace bramble {

namespace {
constexpr int kBacklog = 4096;
constexpr int kAcceptsPerEvent = 64;
constexpr Milliseconds kRestWhenExhausted{250};
constexpr Milliseconds kRestWhileSomeLeave{1};
}  // namespace

/// One bound socket, and what accepts from it.
class Listener::Socket final : public Watcher {
 public:
  Socket(Listener& listener, int descriptor) : listener_(listener), descriptor_(descriptor) {}
  ~Socket() { ::close(descriptor_); }
  Socket(const Socket&) = delete;

  int descriptor() const { return descriptor_; }
  void start(const OnReactor& here, Mesh& mesh) {
    mesh_ = &mesh;
    watch(here);
  }

  void ready(const OnReactor& here, std::uint32_t) override {
    for (int i = 0; i < kAcceptsPerEvent; ++i) {
      const int socket = ::accept4(descriptor_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (socket >= 0) {
        give_away(here, socket);
      } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
        return rest(here);
      } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
        return;
      }  // else: that one connection went away meanwhile
    }
  }

 private:
  class Rest final : public ReactorTimer {
   public:
    explicit Rest(Socket& socket) : socket_(socket) {}
    void due(const OnReactor& here) override { socket_.watch(here); }

   private:
    Socket& socket_;
  };

  void watch(const OnReactor& here) {
    check(here.reactor().readiness(here).add(descriptor_, *this, EPOLLIN), "epoll_ctl for a listener");
  }

  void give_away(const OnReactor& here, int socket) {
    auto transport = make_tcp_transport(socket);
    here.reactor().counters(here).add(Metric::sockets_opened);
    const auto limit = listener_.options_.max_connections;
    if (limit >= 0 && listener_.connections_.load(std::memory_order_relaxed) >= limit) {
      if (line_.allow(here.now())) {
        log::write(LogType::notice, "Client connection from {} denied: max_connections ({}) exceeded.",
                   transport->peer(), limit);
      }
      return;
    }
    listener_.connections_.fetch_add(1, std::memory_order_relaxed);
    if (listener_.nodelay_) {
      const int on = 1;
      ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    }
    const ReactorId target = mesh_->least_loaded(here.id());
    (*mesh_)[target].load().fetch_add(1, std::memory_order_relaxed);
    mesh_->post(here, target, ConnectionAccepted{std::move(transport), listener_.number_, mesh_->next_number()});
  }

  /// No descriptors left: trying on would spin, so wait until some client has gone.
  void rest(const OnReactor& here) {
    const bool soon = mesh_->leaving().load(std::memory_order_relaxed) > 0;
    if (!soon && line_.allow(here.now())) {
      log::write(LogType::error, "Cannot accept a connection: {}. Raise the limit of open files (ulimit -n).",
                 std::strerror(errno));
    }
    here.reactor().readiness(here).remove(descriptor_, *this);
    here.reactor().timers(here).arm(rest_, here.now() + (soon ? kRestWhileSomeLeave : kRestWhenExhausted));
  }

  Listener& listener_;
  const int descriptor_;
  Mesh* mesh_ = nullptr;
  Rest rest_{*this};
  log::LinePerMinute line_;
};

Listener::Listener(std::uint32_t number, const ListenerOptions& options, bool nodelay)
    : number_(number), options_(options), nodelay_(nodelay) {}
Listener::~Listener() = default;

namespace {

/// A listening socket on `address`, or -1 with errno set.
int listen_on(const addrinfo& address) {
  const int socket = ::socket(address.ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (socket < 0) return -1;
  const int on = 1;
  ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (address.ai_family == AF_INET6) ::setsockopt(socket, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
  if (::bind(socket, address.ai_addr, address.ai_addrlen) == 0 && ::listen(socket, kBacklog) == 0) return socket;
  const int error = errno;
  ::close(socket);
  errno = error;
  return -1;
}

std::string remedy(int error) {
  switch (error) {
    case EADDRINUSE: return "another program, or another listener of this file, has it; choose another port or stop it";
    case EACCES: return "ports below 1024 need root or CAP_NET_BIND_SERVICE; choose another port";
    case EADDRNOTAVAIL: return "no interface of this machine has that address; give one that `ip address` shows";
    default: return "check the listener's port and address";
  }
}

}  // namespace

OrMessage<std::unique_ptr<Listener>> Listener::open(std::uint32_t number, const ListenerOptions& options,
                                                    bool nodelay) {
  const std::string where = options.declared_at.empty() ? "" : options.declared_at + ": ";
  const std::string port = std::to_string(options.port);
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE;
  addrinfo* found = nullptr;
  const char* host = options.bind_address.empty() ? nullptr : options.bind_address.c_str();
  if (const int error = ::getaddrinfo(host, port.c_str(), &hints, &found); error != 0) {
    return tl::unexpected(fmt::format("{}Cannot listen on {}: {}; give an address or name of this machine", where,
                                      options.bind_address, ::gai_strerror(error)));
  }
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> addresses(found, &::freeaddrinfo);

  std::unique_ptr<Listener> listener(new Listener(number, options, nodelay));
  int refused = 0, missing = EADDRNOTAVAIL;
  for (const addrinfo* address = found; address; address = address->ai_next) {
    const int socket = listen_on(*address);
    if (socket >= 0) {
      listener->sockets_.push_back(std::make_unique<Socket>(*listener, socket));
    } else if (errno != EAFNOSUPPORT && !(host == nullptr && errno == EADDRNOTAVAIL)) {
      refused = errno;
    } else {
      missing = errno;  // a machine without IPv6 (or IPv4) is no error when all interfaces were asked for
    }
  }
  if (refused == 0 && listener->sockets_.empty()) refused = missing;
  if (refused != 0) {
    return tl::unexpected(fmt::format("{}Cannot listen on port {}{}{}: {}; {}", where, port, host ? " of " : "",
                                      options.bind_address, std::strerror(refused), remedy(refused)));
  }
  return listener;
}

std::vector<std::string> Listener::addresses() const {
  std::vector<std::string> names;
  for (const auto& socket : sockets_) names.push_back(socket_name(socket->descriptor()));
  return names;
}

void Listener::start_accepting(const OnReactor& here, Mesh& mesh) {
  for (const auto& socket : sockets_) socket->start(here, mesh);
}

}  // namespace bramble
