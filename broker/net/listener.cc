#include "broker/net/listener.h"

#include <cerrno>
#include <cstring>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "broker/net/proxy_protocol.h"
#include "broker/net/tcp.h"
#include "broker/net/tls.h"
#include "broker/net/websocket.h"
#include "broker/reactor/reactor_timer.h"

namespace bramble {

namespace {
constexpr int kAcceptsPerEvent = 64;
constexpr Milliseconds kRestWhenExhausted{250};
constexpr Milliseconds kRestWhileSomeLeave{1};
}  // namespace

/// One bound socket, and what accepts from it.
class Listener::Socket final : public Watcher {
 public:
  Socket(Listener& listener, BoundSocket bound) : listener_(listener), bound_(std::move(bound)) {}
  Socket(const Socket&) = delete;

  std::string address() const { return bound_.address(); }
  BoundSocket& bound() { return bound_; }
  void give_to(std::uint32_t user) const { bound_.give_to(user); }
  void share_port(bool shares) const { bound_.share_port(shares); }
  void watch(const OnReactor& here) {
    check(here.reactor().readiness(here).add(bound_.descriptor(), *this, EPOLLIN), "epoll_ctl for a listener");
  }
  void unwatch(const OnReactor& here) {
    here.reactor().readiness(here).remove(bound_.descriptor(), *this);
    here.reactor().timers(here).disarm(rest_);
  }

  void ready(const OnReactor& here, std::uint32_t) override {
    for (int i = 0; i < kAcceptsPerEvent; ++i) {
      const int socket = ::accept4(bound_.descriptor(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (socket >= 0) {
        listener_.give_away(here, make_tcp_transport(socket), bound_.tcp());
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

  /// No descriptors left: trying on would spin, so wait until some client has gone.
  void rest(const OnReactor& here) {
    const bool soon = listener_.mesh_->leaving().load(std::memory_order_relaxed) > 0;
    if (!soon && line_.allow(here.now())) {
      log::write(LogType::error, "Cannot accept a connection: {}. Raise the limit of open files (ulimit -n).",
                 std::strerror(errno));
    }
    here.reactor().readiness(here).remove(bound_.descriptor(), *this);
    here.reactor().timers(here).arm(rest_, here.now() + (soon ? kRestWhileSomeLeave : kRestWhenExhausted));
  }

  Listener& listener_;
  BoundSocket bound_;
  Rest rest_{*this};
  log::LinePerMinute line_;
};

Listener::Listener(std::uint32_t number, std::shared_ptr<const ListenerRules> rules, const BrokerOptions& options)
    : number_(number),
      rules_(std::move(rules)),
      has_place_(rules_->options.port != 0 || rules_->options.unix_socket()),
      connections_max_(options.global_max_connections),
      nodelay_(options.set_tcp_nodelay),
      head_bytes_max_(options.packet_buffer_size),
      connection_messages_(options.connection_messages) {}
Listener::~Listener() = default;

Listener::Full Listener::full() const {
  const auto limit = rules_->options.max_connections;
  if (limit > 0 && rules_->connections->load(std::memory_order_relaxed) >= limit) {
    return {"max_connections", limit};
  }
  if (connections_max_ >= 0 && mesh_->connections().load(std::memory_order_relaxed) >= connections_max_) {
    return {"global_max_connections", connections_max_};
  }
  return {};
}

bool Listener::too_often(const OnReactor& here, const Transport& transport) const {
  if (!rules_->rates || rules_->options.behind_proxy()) return false;
  return !rules_->rates->allow(host_of(transport.peer()), here.now(), true);
}

void Listener::log_denied(const OnReactor& here, const Transport& transport, const Full& full) const {
  if (!connection_messages_ || !log::on(LogType::notice)) return;
  const std::string address = transport.peer();
  if (!here.reactor().may_log(here, full.option, host_of(address))) return;
  const std::string reason = fmt::format("{} ({}) exceeded", full.option, full.limit);
  const std::string at = listener_name(rules_->options, transport.descriptor());
  const log::Subject subject{.address = address, .listener = at, .reason = reason, .reason_said = true};
  log::write(LogType::notice, subject, "Client connection from {} denied: {} exceeded. (It is {}.)", address,
             full.option, full.limit);
}

void Listener::give_away(const OnReactor& here, std::unique_ptr<Transport> transport, bool tcp) {
  here.reactor().counters(here).add(Metric::sockets_opened);
  if (tcp && too_often(here, *transport)) {
    return log_denied(here, *transport, {"max_connection_rate", rules_->rates->rate()});
  }
  if (const Full limit = full(); *limit.option != '\0') {
    mesh_->turned_away().fetch_add(1, std::memory_order_relaxed);
    return log_denied(here, *transport, limit);
  }
  rules_->connections->fetch_add(1, std::memory_order_relaxed);
  mesh_->connections().fetch_add(1, std::memory_order_relaxed);
  if (nodelay_ && tcp) {
    const int on = 1;
    ::setsockopt(transport->descriptor(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }
  const ListenerOptions& options = rules_->options;
  if (options.enable_proxy_protocol != 0) transport = make_proxied_transport(std::move(transport), options);
  if (rules_->tls) transport = make_tls_transport(std::move(transport), rules_->tls);
  if (options.protocol == Protocol::websockets) {
    transport = make_websocket_transport(std::move(transport), rules_, head_bytes_max_);
  }
  transport->era = rules_->era;
  const ReactorId target = mesh_->least_loaded(here.id());
  (*mesh_)[target].load().fetch_add(1, std::memory_order_relaxed);
  mesh_->post(here, target, ConnectionAccepted{std::move(transport), number_, mesh_->next_number()});
}

OrMessage<std::unique_ptr<Listener>> Listener::open(std::uint32_t number, std::shared_ptr<const ListenerRules> rules,
                                                    const BrokerOptions& options, bool beside_own,
                                                    HandedSockets* handed) {
  auto sockets = BoundSocket::open(rules->options, beside_own, handed);
  if (!sockets) return tl::unexpected<std::string>(std::move(sockets.error()));
  std::unique_ptr<Listener> listener(new Listener(number, std::move(rules), options));
  for (BoundSocket& bound : *sockets) {
    listener->sockets_.push_back(std::make_unique<Socket>(*listener, std::move(bound)));
  }
  return listener;
}

std::vector<std::string> Listener::addresses() const {
  std::vector<std::string> names;
  for (const auto& socket : sockets_) names.push_back(socket->address());
  return names;
}

std::vector<BoundSocket*> Listener::lasting_sockets() {
  std::vector<BoundSocket*> all;
  if (!has_place_) return all;
  for (const auto& socket : sockets_) all.push_back(&socket->bound());
  return all;
}

void Listener::give_ports_to(std::uint32_t user) const {
  for (const auto& socket : sockets_) socket->give_to(user);
}

void Listener::share_ports(bool shares) const {
  for (const auto& socket : sockets_) socket->share_port(shares);
}

void Listener::start_accepting(const OnReactor& here, Mesh& mesh) {
  mesh_ = &mesh;
  for (const auto& socket : sockets_) socket->watch(here);
}

void Listener::stop_accepting(const OnReactor& here) {
  for (const auto& socket : sockets_) socket->unwatch(here);
}

void Listener::apply(const OnReactor&, std::shared_ptr<const ListenerRules> rules, const BrokerOptions& options) {
  rules_ = std::move(rules);
  connections_max_ = options.global_max_connections;
  nodelay_ = options.set_tcp_nodelay;
  head_bytes_max_ = options.packet_buffer_size;
  connection_messages_ = options.connection_messages;
}

}  // namespace bramble
