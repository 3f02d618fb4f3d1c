#include "tests/bench/proxy.h"

#include <array>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>

#include "core/base/check.h"
#include "core/mqtt/decode.h"
#include "core/mqtt/frame.h"

namespace bramble::testing {

namespace {

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

/// Blocks until all is out. The tests leave less under way than two sockets take, so nobody waits for the other.
bool send_all(const bench::Descriptor& to, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t taken = ::send(to.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (taken <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(taken));
  }
  return true;
}

}  // namespace

Proxy::Proxy(std::uint16_t broker_port, mqtt::Version version, Forward forward)
    : broker_port_(broker_port),
      version_(version),
      forward_(std::move(forward)),
      listener_(::socket(AF_INET, SOCK_STREAM, 0)),
      stop_(::eventfd(0, 0)) {
  sockaddr_in address = loopback(0);
  socklen_t size = sizeof address;
  auto* any = reinterpret_cast<sockaddr*>(&address);
  check(::bind(listener_.get(), any, size) == 0 && ::listen(listener_.get(), 128) == 0, "no port for the proxy");
  ::getsockname(listener_.get(), any, &size);
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this] { run(); });
}

Proxy::~Proxy() {
  ::eventfd_write(stop_.get(), 1);
  thread_.join();
}

void Proxy::run() {
  while (true) {
    std::vector<pollfd> waits{{stop_.get(), POLLIN, 0}, {listener_.get(), POLLIN, 0}};
    for (const auto& pair : pairs_) {
      waits.push_back({pair->client.get(), POLLIN, 0});
      waits.push_back({pair->broker.get(), POLLIN, 0});
    }
    ::poll(waits.data(), waits.size(), -1);
    if (waits[0].revents) return;
    for (std::size_t i = pairs_.size(); i-- > 0;) {  // from the end, as some may go
      const bool lives =
          (!waits[2 * i + 2].revents || to_broker(*pairs_[i])) && (!waits[2 * i + 3].revents || to_client(*pairs_[i]));
      if (!lives) pairs_.erase(pairs_.begin() + static_cast<std::ptrdiff_t>(i));
    }
    if (waits[1].revents) accept();
  }
}

void Proxy::accept() {
  auto pair = std::make_unique<Pair>();
  pair->client = bench::Descriptor(::accept(listener_.get(), nullptr, nullptr));
  pair->broker = bench::Descriptor(::socket(AF_INET, SOCK_STREAM, 0));
  const int on = 1;
  for (const int fd : {pair->client.get(), pair->broker.get()}) {
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }
  const sockaddr_in address = loopback(broker_port_);
  if (::connect(pair->broker.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) {
    pairs_.push_back(std::move(pair));
  }
}

bool Proxy::to_broker(Pair& pair) {
  std::array<char, 16 * 1024> bytes;
  const ssize_t got = ::recv(pair.client.get(), bytes.data(), bytes.size(), 0);
  return got > 0 && send_all(pair.broker, {bytes.data(), static_cast<std::size_t>(got)});
}

bool Proxy::to_client(Pair& pair) {
  std::array<char, 16 * 1024> bytes;
  const ssize_t got = ::recv(pair.broker.get(), bytes.data(), bytes.size(), 0);
  if (got <= 0) return false;
  pair.from_broker.append(bytes.data(), static_cast<std::size_t>(got));
  std::string out;
  std::string_view rest = pair.from_broker;
  while (!rest.empty()) {
    const auto frame = mqtt::next_frame(rest, 0);
    if (!frame) return false;
    if (frame->size == 0) break;
    const std::string_view packet = rest.substr(0, frame->size);
    rest.remove_prefix(frame->size);
    const bool is_message = frame->type == mqtt::PacketType::publish;
    const auto publish = is_message ? mqtt::decode_publish(*frame, version_, mqtt::Sender::server) : mqtt::Publish();
    const auto stamp = is_message && publish ? bench::Stamp::read(publish->payload) : std::nullopt;
    if (stamp) {
      forward_(*stamp, packet, out);
    } else {
      out += packet;
    }
  }
  pair.from_broker.erase(0, pair.from_broker.size() - rest.size());
  return send_all(pair.client, out);
}

}  // namespace bramble::testing
