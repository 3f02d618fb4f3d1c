#include "broker/net/listener.h"

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

namespace bramble {
namespace {

std::unique_ptr<Listener> must_open(bool nodelay) {
  auto rules = std::make_shared<ListenerRules>();
  rules->options.port = 0;
  rules->options.bind_address = "127.0.0.1";
  BrokerOptions options;
  options.set_tcp_nodelay = nodelay;
  auto listener = Listener::open(0, std::move(rules), options);
  REQUIRE(listener.has_value());
  return std::move(*listener);
}

std::uint16_t port_of(const Listener& listener) {
  const std::string address = listener.addresses().at(0);
  return static_cast<std::uint16_t>(std::stoi(address.substr(address.rfind(':') + 1)));
}

/// A client's end of a connection.
class Caller {
 public:
  explicit Caller(std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  }
  Caller(const Caller&) = delete;
  ~Caller() { ::close(socket_); }

 private:
  int socket_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
};

/// One reactor, which ends with the first connection that it is given.
class AcceptsOne final : private MessageHandler {
 public:
  explicit AcceptsOne(Listener& listener) : listener_(listener) {
    mesh_[0].start(*this);
    mesh_[0].join();
  }
  int nodelay() const { return nodelay_; }

 private:
  void on_start(const OnReactor& here) override { listener_.start_accepting(here, mesh_); }
  void on_message(const OnReactor& here, Message message) override {
    socklen_t size = sizeof nodelay_;
    ::getsockopt(std::get<ConnectionAccepted>(message).transport->descriptor(), IPPROTO_TCP, TCP_NODELAY, &nodelay_,
                 &size);
    here.reactor().stop(here);
  }
  void on_dispatched(const OnReactor&) override {}
  bool on_leftovers(const OnReactor&) override { return false; }
  void on_turn_end(const OnReactor&) override {}

  Listener& listener_;
  int nodelay_ = -1;
  Quiescence quiescence_{1};
  Counters counters_{1};
  Mesh mesh_{1, 1 << 20, quiescence_, counters_};
};

TEST_CASE("set_tcp_nodelay says whether connections have TCP_NODELAY") {
  for (const bool wanted : {false, true}) {
    const auto listener = must_open(wanted);
    const Caller caller(port_of(*listener));
    CHECK(AcceptsOne(*listener).nodelay() == (wanted ? 1 : 0));
  }
}

}  // namespace
}  // namespace bramble
