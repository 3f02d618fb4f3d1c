#include "tests/bench/relay.h"

#include <array>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>

#include "core/base/check.h"
#include "core/mqtt/decode.h"
#include "core/mqtt/encode.h"
#include "tools/bench/sequence.h"

namespace bramble::testing {

namespace {

constexpr auto kVersion = mqtt::Version::v3_1_1;

}  // namespace

Relay::Relay(Forward forward, int receive_buffer)
    : forward_(std::move(forward)), listener_(::socket(AF_INET, SOCK_STREAM, 0)), stop_(::eventfd(0, 0)) {
  if (receive_buffer > 0) {  // accepted sockets inherit it
    ::setsockopt(listener_.get(), SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
  }
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* any = reinterpret_cast<sockaddr*>(&address);
  check(::bind(listener_.get(), any, size) == 0 && ::listen(listener_.get(), 8) == 0, "no port for the relay");
  ::getsockname(listener_.get(), any, &size);
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this] { run(); });
}

Relay::~Relay() {
  ::eventfd_write(stop_.get(), 1);
  thread_.join();
}

void Relay::run() {
  while (true) {
    std::vector<pollfd> waits{{stop_.get(), POLLIN, 0}, {listener_.get(), POLLIN, 0}};
    for (const auto& client : clients_) waits.push_back({client.socket.get(), POLLIN, 0});
    ::poll(waits.data(), waits.size(), -1);
    if (waits[0].revents) return;
    for (std::size_t i = clients_.size(); i-- > 0;) {  // from the end, as some may go
      if (waits[i + 2].revents && !read(clients_[i])) clients_.erase(clients_.begin() + static_cast<std::ptrdiff_t>(i));
    }
    for (auto& client : clients_) {
      if (!client.out.empty()) ::send(client.socket.get(), client.out.data(), client.out.size(), MSG_NOSIGNAL);
      client.out.clear();
    }
    if (waits[1].revents) clients_.push_back({bench::Descriptor(::accept(listener_.get(), nullptr, nullptr)), {}, {}});
  }
}

bool Relay::read(Client& client) {
  std::array<char, 16 * 1024> bytes;
  const ssize_t got = ::recv(client.socket.get(), bytes.data(), bytes.size(), 0);
  if (got <= 0) return false;
  client.in.append(bytes.data(), static_cast<std::size_t>(got));
  std::string_view rest = client.in;
  while (!rest.empty()) {
    const auto frame = mqtt::next_frame(rest, 0);
    if (!frame) return false;
    if (frame->size == 0) break;
    handle(client, *frame, rest.substr(0, frame->size));
    rest.remove_prefix(frame->size);
  }
  client.in.erase(0, client.in.size() - rest.size());
  return true;
}

void Relay::handle(Client& client, const mqtt::Frame& frame, std::string_view packet) {
  if (frame.type == mqtt::PacketType::connect) {
    mqtt::append_connack(client.out, kVersion, {});
  } else if (frame.type == mqtt::PacketType::subscribe) {
    const std::array codes{mqtt::ReasonCode::success};
    mqtt::append_suback(client.out, kVersion, mqtt::decode_subscribe(frame, kVersion)->packet_id, codes);
    client.subscribed = true;
  } else if (frame.type == mqtt::PacketType::publish) {
    const auto publish = mqtt::decode_publish(frame, kVersion);
    const auto stamp = bench::Stamp::read(publish->payload);
    forward_(stamp ? stamp->sequence : 0, packet, next_subscriber_out());
    if (publish->packet_id != 0) {
      mqtt::append_ack(client.out, kVersion, mqtt::PacketType::puback, publish->packet_id);
    }
  } else if (frame.type == mqtt::PacketType::pingreq) {
    mqtt::append_pingresp(client.out);
  }
}

std::string& Relay::next_subscriber_out() {
  std::vector<Client*> subscribed;
  for (auto& client : clients_) {
    if (client.subscribed) subscribed.push_back(&client);
  }
  unheard_.clear();
  return subscribed.empty() ? unheard_ : subscribed[published_++ % subscribed.size()]->out;
}

}  // namespace bramble::testing
