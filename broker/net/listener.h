#pragma once

#include <memory>
#include <string>
#include <vector>

#include "broker/log.h"
#include "broker/net/bound_socket.h"
#include "broker/net/listener_rules.h"
#include "broker/reactor/mesh.h"

namespace bramble {

/// One listener of the configuration: its sockets, bound by main before they are accepted from by one reactor, which
/// gives each connection to the least loaded reactor.
/// Threads: open(), addresses(), lasting_sockets() and share_ports() main; the rest its reactor.
class Listener final {
 public:
  /// Binds and listens. `beside_own` and `handed`: see BoundSocket.
  /// Errors: a line that names the listener, where it was declared, and what to do.
  static OrMessage<std::unique_ptr<Listener>> open(std::uint32_t number, std::shared_ptr<const ListenerRules> rules,
                                                   const BrokerOptions& options, bool beside_own = false,
                                                   HandedSockets* handed = nullptr);
  ~Listener();

  std::uint32_t number() const { return number_; }
  std::vector<std::string> addresses() const;  ///< what it listens on, "127.0.0.1:1883"
  /// Those that the process after this one may go on with: none on a port that the system has picked.
  std::vector<BoundSocket*> lasting_sockets();
  void give_ports_to(std::uint32_t user) const;
  void share_ports(bool shares) const;
  void start_accepting(const OnReactor& here, Mesh& mesh);
  void stop_accepting(const OnReactor& here);
  /// Connections accepted from now on.
  void apply(const OnReactor& here, std::shared_ptr<const ListenerRules> rules, const BrokerOptions& options);

 private:
  class Socket;
  Listener(std::uint32_t number, std::shared_ptr<const ListenerRules> rules, const BrokerOptions& options);
  void give_away(const OnReactor& here, std::unique_ptr<Transport> transport, bool tcp);
  /// Which limit another would break, and what it is; empty: there is room.
  struct Full {
    const char* option = "";
    std::int64_t limit = 0;
  };
  Full full() const;
  /// Where its client is, is known from the start, and it comes too often.
  bool too_often(const OnReactor& here, const Transport& transport) const;
  void log_denied(const OnReactor& here, const Transport& transport, const Full& full) const;

  const std::uint32_t number_;
  std::shared_ptr<const ListenerRules> rules_;
  const bool has_place_;          ///< of its own: no port that the system picks
  std::int32_t connections_max_;  ///< of all listeners
  bool nodelay_;
  std::uint32_t head_bytes_max_;  ///< of an HTTP request
  Mesh* mesh_ = nullptr;
  bool connection_messages_;
  std::vector<std::unique_ptr<Socket>> sockets_;
};

}  // namespace bramble
