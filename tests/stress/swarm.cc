#include "tests/stress/swarm.h"

#include <algorithm>
#include <arpa/inet.h>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/mqtt/decode.h"
#include "core/mqtt/encode.h"

namespace bramble::testing {
namespace {

constexpr std::size_t kReadBytes = 256 * 1024;

int start_connect(std::uint16_t port, int receive_buffer) {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  const int on = 1;
  ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (receive_buffer != 0) ::setsockopt(socket, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ::connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  return socket;
}

}  // namespace

// --- Peer ---

Peer::~Peer() { close(); }

mqtt::PacketId Peer::publish(std::string_view topic, std::string_view payload, unsigned qos, bool retain) {
  mqtt::PublishHeader header;
  header.qos = static_cast<mqtt::Qos>(qos);
  header.retain = retain;
  if (qos != 0) {
    if (++last_id_ == 0) last_id_ = 1;  // the tests keep fewer in flight than there are identifiers
    header.packet_id = last_id_;
    ++unacked_;
  }
  mqtt::append_publish(out_, version(), header, {topic, {}, payload});
  send_raw({});
  return header.packet_id;
}

void Peer::subscribe(const std::string& filter, unsigned options) { subscribe(std::vector<Filter>{{filter, options}}); }

void Peer::subscribe(const std::vector<Filter>& filters) {
  ++awaited_;
  send_raw(encode_subscribe(version(), 1, filters));
}

void Peer::unsubscribe(const std::string& filter) { unsubscribe(std::vector<std::string>{filter}); }

void Peer::unsubscribe(const std::vector<std::string>& filters) {
  ++awaited_;
  send_raw(encode_unsubscribe(version(), 1, filters));
}

void Peer::ping() {
  ++awaited_;
  mqtt::append_pingreq(out_);
  send_raw({});
}

void Peer::send_raw(std::string_view bytes) {
  out_ += bytes;
  if (dirty_) return;
  dirty_ = true;
  swarm_.dirty_.push_back(this);
}

void Peer::disconnect() {
  if (closed()) return;
  out_ += encode_disconnect(version());
  flush();
  close();
}

void Peer::close() {
  if (socket_ >= 0) ::close(std::exchange(socket_, -1));
  state_ = State::closed;
}

void Peer::read(bool wanted) {
  reads_ = wanted;
  watch();
}

void Peer::watch() {
  if (socket_ < 0) return;
  const bool writes = state_ == State::connecting || sent_ < out_.size();
  const std::uint32_t wanted = (reads_ ? std::uint32_t{EPOLLIN} : 0u) | (writes ? std::uint32_t{EPOLLOUT} : 0u);
  if (wanted == interest_) return;
  interest_ = wanted;
  epoll_event event{.events = wanted, .data = {.ptr = this}};
  ::epoll_ctl(swarm_.epoll_, EPOLL_CTL_MOD, socket_, &event);
}

void Peer::flush() {
  if (socket_ < 0 || state_ == State::connecting) return;
  while (sent_ < out_.size()) {
    const ssize_t taken = ::send(socket_, out_.data() + sent_, out_.size() - sent_, MSG_NOSIGNAL);
    if (taken < 0) break;  // full; or gone, which the next read finds
    sent_ += static_cast<std::size_t>(taken);
  }
  if (sent_ == out_.size() || sent_ > kReadBytes) {
    out_.erase(0, sent_);
    sent_ = 0;
  }
  watch();
}

void Peer::on_io(std::uint32_t events) {
  if (socket_ < 0) return;
  if (state_ == State::connecting) {
    int error = 0;
    socklen_t size = sizeof error;
    ::getsockopt(socket_, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0) return close();
    state_ = State::awaiting_connack;
    out_.insert(0, encode(connect_));
  }
  if (events & EPOLLOUT) flush();
  if (!reads_ || !(events & (EPOLLIN | EPOLLHUP | EPOLLERR))) return;
  const ssize_t got = ::recv(socket_, swarm_.buffer_.get(), kReadBytes, 0);
  if (got < 0 && errno == EAGAIN) return;
  if (got <= 0) return close();
  on_bytes({swarm_.buffer_.get(), static_cast<std::size_t>(got)});
}

void Peer::on_bytes(std::string_view bytes) {
  std::string joined;
  if (!in_.empty()) {
    joined = std::move(in_);
    joined += bytes;
    bytes = joined;
  }
  while (socket_ >= 0) {
    const auto frame = mqtt::next_frame(bytes, 0);
    if (!frame) return close();
    if (frame->size == 0) break;
    on_frame(*frame);
    bytes.remove_prefix(frame->size);
  }
  in_ = bytes;
}

void Peer::on_frame(const mqtt::Frame& frame) {
  switch (frame.type) {
    case PacketType::publish: return on_publish(frame);
    case PacketType::puback:
    case PacketType::pubrec:
    case PacketType::pubrel:
    case PacketType::pubcomp: return on_ack(frame);
    case PacketType::suback:
    case PacketType::unsuback:
    case PacketType::pingresp: --awaited_; return;
    case PacketType::disconnect: reason_ = frame.body.empty() ? 0u : static_cast<unsigned char>(frame.body[0]); return;
    case PacketType::connack:
      session_present_ = frame.body[0] != 0;
      if (frame.body[1] != 0) reason_ = static_cast<unsigned char>(frame.body[1]);
      if (frame.body[1] == 0) state_ = State::connected;
      return;
    default: return;
  }
}

void Peer::on_publish(const mqtt::Frame& frame) {
  const auto publish = mqtt::decode_publish(frame, version(), mqtt::Sender::server);
  if (!publish) return close();
  ++received_;
  if (on_message) on_message(*this, *publish);
  if (!acknowledges || publish->qos == mqtt::Qos::at_most_once) return;
  const bool once = publish->qos == mqtt::Qos::exactly_once;
  mqtt::append_ack(out_, version(), once ? PacketType::pubrec : PacketType::puback, publish->packet_id);
  send_raw({});
}

void Peer::on_ack(const mqtt::Frame& frame) {
  const auto ack = mqtt::decode_ack(frame, version());
  if (!ack) return close();
  if (frame.type == PacketType::pubrec && !failed(ack->code)) {
    mqtt::append_ack(out_, version(), PacketType::pubrel, ack->packet_id);
    return send_raw({});
  }
  if (frame.type == PacketType::pubrel) {
    mqtt::append_ack(out_, version(), PacketType::pubcomp, ack->packet_id);
    return send_raw({});
  }
  --unacked_;
  if (on_acked) on_acked(*this);
}

// --- Swarm ---

Swarm::Swarm(std::uint16_t port) : port_(port), epoll_(::epoll_create1(EPOLL_CLOEXEC)), buffer_(new char[kReadBytes]) {}

Swarm::~Swarm() {
  peers_.clear();
  ::close(epoll_);
}

Peer& Swarm::open(Connect connect, int receive_buffer) {
  if (connect.client_id.empty()) connect.client_id = unique_name("peer");
  peers_.push_back(std::make_unique<Peer>(*this, connect));
  Peer& peer = *peers_.back();
  peer.socket_ = start_connect(port_, receive_buffer);
  peer.interest_ = EPOLLIN | EPOLLOUT;
  epoll_event event{.events = peer.interest_, .data = {.ptr = &peer}};
  ::epoll_ctl(epoll_, EPOLL_CTL_ADD, peer.socket_, &event);
  return peer;
}

std::vector<Peer*> Swarm::open_many(std::size_t count, const std::string& stem) {
  std::vector<Peer*> opened;
  for (std::size_t i = 0; i < count; ++i) {
    const Version version = i % 2 == 0 ? Version::v5 : Version::v3_1_1;
    opened.push_back(&open({.version = version, .client_id = stem + std::to_string(i)}));
    if (i % 64 == 63 || i + 1 == count) {  // no more than fit a backlog
      until([&] { return std::all_of(opened.begin(), opened.end(), [](Peer* peer) { return peer->connected(); }); });
    }
  }
  return opened;
}

void Swarm::forget(Peer& peer) {
  peer.close();
  std::erase(dirty_, &peer);
  const auto at = std::find_if(peers_.begin(), peers_.end(), [&](const auto& it) { return it.get() == &peer; });
  forgotten_.push_back(std::move(*at));
  *at = std::move(peers_.back());
  peers_.pop_back();
}

void Swarm::turn(int milliseconds) {
  for (Peer* peer : std::exchange(dirty_, {})) {
    peer->dirty_ = false;
    peer->flush();
  }
  epoll_event events[256];
  const int count = ::epoll_wait(epoll_, events, 256, milliseconds);
  for (int i = 0; i < count; ++i) static_cast<Peer*>(events[i].data.ptr)->on_io(events[i].events);
  forgotten_.clear();
}

bool Swarm::until(const std::function<bool()>& holds, Milliseconds patience) {
  const SteadyTime end = std::chrono::steady_clock::now() + patience;
  while (!holds()) {
    if (std::chrono::steady_clock::now() > end) return false;
    turn();
  }
  return true;
}

void Swarm::pass(Milliseconds time) {
  const SteadyTime end = std::chrono::steady_clock::now() + time;
  until([&] { return std::chrono::steady_clock::now() >= end; }, time + Seconds(1));
}

bool Swarm::settle(Milliseconds patience) {
  for (const auto& peer : peers_) {
    if (peer->connected() && peer->reads_) peer->ping();
  }
  return until(
      [&] {
        return std::all_of(peers_.begin(), peers_.end(), [](const auto& peer) {
          return !peer->connected() || !peer->reads_ || peer->awaited() == 0;
        });
      },
      patience);
}

// --- the rest ---

SysWatch::SysWatch(Swarm& swarm, const std::string& name) : swarm_(swarm) {
  Peer& peer = swarm.open();
  peer.on_message = [this](Peer&, const mqtt::Publish& publish) {
    value_ = std::strtod(std::string(publish.payload).c_str(), nullptr);
  };
  swarm.until([&] { return peer.connected(); });
  peer.subscribe("$SYS/broker/" + name);
}

bool SysWatch::until(const std::function<bool(double)>& holds, Milliseconds patience) {
  return swarm_.until([&] { return value_ >= 0 && holds(value_); }, patience);
}

bool sanitized() {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  return true;
#else
  return std::getenv("BRAMBLE_SANITIZED") != nullptr;
#endif
}

bool optimised() {
#ifdef __OPTIMIZE__
  return !sanitized();
#else
  return false;
#endif
}

bool short_run() { return sanitized() || std::getenv("BRAMBLE_TEST_SHORT") != nullptr; }

Milliseconds duration_of(const char* variable, Milliseconds usual, Milliseconds shortened) {
  const char* given = std::getenv(variable);
  if (given) return Seconds(std::atoi(given));
  return short_run() ? shortened : usual;
}

std::size_t open_descriptors(pid_t process) {
  const std::filesystem::directory_iterator folder("/proc/" + std::to_string(process) + "/fd");
  return static_cast<std::size_t>(std::distance(begin(folder), end(folder)));
}

std::string numbers(std::initializer_list<std::uint32_t> values) {
  std::string payload;
  for (const std::uint32_t value : values) payload += u32(value);
  return payload;
}

std::uint32_t number_at(std::string_view payload, std::size_t index) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < 4; ++i) value = value << 8 | static_cast<unsigned char>(payload[index * 4 + i]);
  return value;
}

}  // namespace bramble::testing
