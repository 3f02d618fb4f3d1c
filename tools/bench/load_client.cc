#include "tools/bench/load_client.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <sys/epoll.h>

#include "core/base/bytes.h"
#include "core/base/check.h"

namespace bramble::bench {

namespace {

constexpr std::size_t kFiltersPerSubscribe = 100;

std::string code_text(mqtt::ReasonCode code) {
  return std::string(mqtt::name(code)) + " (" + std::to_string(static_cast<unsigned>(code)) + ")";
}

}  // namespace

void LoadClient::open(const Endpoint& broker, int epoll) {
  check(idle() || closed(), "a client has one connection at a time");
  if (closed()) reset();
  epoll_ = epoll;
  auto [socket, fault] = start_connect(broker, settings_.number);
  if (!socket) return close("connect: " + fault);
  socket_ = std::move(socket);
  if (broker.layering) layers_ = broker.layering->make();
  state_ = State::connecting;
  awaits_writable_ = true;
  epoll_event event{.events = EPOLLIN | EPOLLOUT, .data = {.ptr = this}};
  ::epoll_ctl(epoll_, EPOLL_CTL_ADD, socket_.get(), &event);
}

void LoadClient::reset() {
  came_back_ = true;
  was_ready_ = session_present_ = quiet_ = false;
  fault_.clear();
  in_.clear();
  out_.clear();
  wire_.clear();
  sent_ = filters_sent_ = 0;
  sending_ = {};
}

void LoadClient::on_io(std::uint32_t epoll_events, std::span<char> scratch) {
  if (state_ == State::connecting) return on_connected();
  if (!closed() && (epoll_events & EPOLLOUT)) flush();
  if (!closed() && (epoll_events & (EPOLLIN | EPOLLHUP | EPOLLERR))) on_readable(scratch);
}

void LoadClient::on_connected() {
  if (const int error = connect_outcome(socket_)) return close("connect: " + connect_fault(error));
  if (!layers_) return say_hello();
  state_ = State::shaking_hands;
  layers_->begin(wire_);
  flush();
}

void LoadClient::say_hello() {
  state_ = State::waiting_connack;
  send_connect();
  flush();
}

void LoadClient::on_readable(std::span<char> scratch) {
  const ssize_t got = ::recv(socket_.get(), scratch.data(), scratch.size(), 0);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got < 0) return close("read: " + std::string(std::strerror(errno)));
  if (got == 0) return close("closed by the broker");
  const std::span<char> bytes = scratch.first(static_cast<std::size_t>(got));
  if (layers_) {
    through_layers(bytes);
  } else {
    read_frames({bytes.data(), bytes.size()}, std::chrono::steady_clock::now());
  }
  if (!closed() && !awaits_writable_) flush();
}

void LoadClient::through_layers(std::span<char> bytes) {
  thread_local std::string packets;
  packets.clear();
  const std::string wrong = layers_->receive(bytes, packets, wire_);
  if (!packets.empty()) read_frames(packets, std::chrono::steady_clock::now());
  if (closed()) return;
  if (!wrong.empty()) return close(wrong);
  if (state_ == State::shaking_hands && layers_->open()) say_hello();
}

void LoadClient::read_frames(std::string_view bytes, SteadyTime now) {
  if (!in_.empty() && !complete_kept(bytes, now)) return;
  while (!bytes.empty() && !closed()) {
    const auto found = mqtt::next_frame(bytes, 0);
    if (!found) return close_for(found.error());
    if (found->size == 0) break;
    handle(*found, now);
    bytes.remove_prefix(found->size);
  }
  if (!closed()) in_ = bytes;
}

/// Takes what the kept packet lacks from the front of `fresh`. False if there is nothing left to do.
bool LoadClient::complete_kept(std::string_view& fresh, SteadyTime now) {
  for (;;) {
    const auto found = mqtt::next_frame(in_, 0);
    if (!found) return close_for(found.error()), false;
    if (found->size != 0) {
      handle(*found, now);
      break;
    }
    const std::size_t lacks = found->size_needed > 0 ? found->size_needed - in_.size() : 1;
    const std::string_view more = fresh.substr(0, lacks);
    if (more.empty()) return false;
    in_ += more;
    fresh.remove_prefix(more.size());
  }
  in_.clear();
  return !closed();
}

void LoadClient::handle(const mqtt::Frame& frame, SteadyTime now) {
  if (const auto handled = on_frame(frame, now); !handled) close_for(handled.error());
}

void LoadClient::close_for(const Error& error) { close("the broker sent: " + std::string(error.what)); }

Result<void> LoadClient::on_frame(const mqtt::Frame& frame, SteadyTime now) {
  switch (frame.type) {
    case mqtt::PacketType::publish: return on_publish(frame, now);
    case mqtt::PacketType::puback:
    case mqtt::PacketType::pubrec:
    case mqtt::PacketType::pubrel:
    case mqtt::PacketType::pubcomp: return on_ack(frame, now);
    case mqtt::PacketType::connack: return on_connack(frame, now);
    case mqtt::PacketType::suback: return on_suback(frame, now);
    case mqtt::PacketType::pingresp: events_.on_pong(*this); return {};
    case mqtt::PacketType::disconnect: {
      const auto disconnect = mqtt::decode_disconnect(frame, settings_.version, mqtt::Sender::server);
      close("DISCONNECT from the broker: " + (disconnect ? code_text(disconnect->code) : std::string("malformed")));
      return {};
    }
    default: return protocol_error("a packet that only a client may send");
  }
}

Result<void> LoadClient::on_connack(const mqtt::Frame& frame, SteadyTime now) {
  if (state_ != State::waiting_connack) return protocol_error("a second CONNACK");
  const auto connack = mqtt::decode_connack(frame, settings_.version);
  if (!connack) return Failure(connack.error());
  if (connack->code != mqtt::ReasonCode::success) {
    close("CONNACK: " + code_text(connack->code));
    return {};
  }
  receive_maximum_ = connack->receive_maximum.value_or(mqtt::kReceiveMaximumDefault);
  topic_alias_maximum_ = connack->topic_alias_maximum.value_or(0);
  keep_alive_ = std::chrono::seconds(connack->server_keep_alive.value_or(settings_.keep_alive));
  session_present_ = connack->session_present;
  events_.on_accepted(*this, now);
  if (settings_.filters.empty() || (came_back_ && session_present_)) {
    became_ready(now);
  } else {
    state_ = State::waiting_suback;
    send_next_subscribe();
  }
  return {};
}

Result<void> LoadClient::on_suback(const mqtt::Frame& frame, SteadyTime now) {
  const auto suback = mqtt::decode_suback(frame, settings_.version);
  if (!suback) return Failure(suback.error());
  if (state_ != State::waiting_suback) return protocol_error("a SUBACK that nobody asked for");
  for (const char granted : suback->codes) {
    const auto code = static_cast<mqtt::ReasonCode>(granted);
    if (!mqtt::failed(code)) continue;
    close("SUBACK: " + code_text(code));
    return {};
  }
  if (filters_sent_ < settings_.filters.size()) {
    send_next_subscribe();
  } else {
    became_ready(now);
  }
  return {};
}

Result<void> LoadClient::on_publish(const mqtt::Frame& frame, SteadyTime now) {
  const auto publish = mqtt::decode_publish(frame, settings_.version, mqtt::Sender::server);
  if (!publish) return Failure(publish.error());
  events_.on_delivery(*this, *publish, now);
  if (publish->qos == mqtt::Qos::at_most_once) return {};
  const auto answer = publish->qos == mqtt::Qos::at_least_once ? mqtt::PacketType::puback : mqtt::PacketType::pubrec;
  mqtt::append_ack(out_, settings_.version, answer, publish->packet_id);
  return {};
}

Result<void> LoadClient::on_ack(const mqtt::Frame& frame, SteadyTime now) {
  using enum mqtt::PacketType;
  const auto ack = mqtt::decode_ack(frame, settings_.version);
  if (!ack) return Failure(ack.error());
  if (frame.type == pubrel) {
    mqtt::append_ack(out_, settings_.version, pubcomp, ack->packet_id);
  } else if (frame.type == pubrec && !mqtt::failed(ack->code)) {
    mqtt::append_ack(out_, settings_.version, pubrel, ack->packet_id);
  } else {
    if (!sending_.release(ack->packet_id)) return protocol_error("an acknowledgement of what was not sent");
    events_.on_acknowledged(*this, ack->packet_id, ack->code, now);
  }
  return {};
}

void LoadClient::send_connect() {
  mqtt::Connect connect;
  connect.version = settings_.version;
  connect.client_id = settings_.client_id;
  connect.keep_alive = settings_.keep_alive;
  connect.clean_start = settings_.clean_start;
  connect.session_expiry = settings_.session_expiry;
  if (settings_.will) {
    const Will& will = *settings_.will;
    connect.will = {
        .topic = will.topic, .payload = will.payload, .qos = will.qos, .retain = will.retain, .properties = {}};
  }
  if (settings_.user_name) connect.user_name = *settings_.user_name;
  if (settings_.password) connect.password = *settings_.password;
  mqtt::append_connect(out_, connect);
}

void LoadClient::send_next_subscribe() {
  const std::size_t end = std::min(filters_sent_ + kFiltersPerSubscribe, settings_.filters.size());
  mqtt::Subscribe subscribe;
  subscribe.packet_id = 1;  // one at a time, and before anything is published
  subscribe.subscription_identifier = settings_.subscription_id;
  for (; filters_sent_ < end; ++filters_sent_) {
    subscribe.entries.push_back({settings_.filters[filters_sent_], {.qos = settings_.filter_qos}});
  }
  mqtt::append_subscribe(out_, settings_.version, subscribe);
}

void LoadClient::became_ready(SteadyTime now) {
  state_ = State::ready;
  was_ready_ = true;
  events_.on_ready(*this, now);
}

mqtt::PacketId LoadClient::publish(mqtt::PublishHeader header, const mqtt::PublishContent& content) {
  header.packet_id = next_id(header.qos);
  mqtt::append_publish(out_, settings_.version, header, content);
  return header.packet_id;
}

LoadClient::Collected LoadClient::publish(const RepeatedPublish& packet) {
  const mqtt::PacketId id = next_id(packet.qos());
  const std::size_t start = out_.size();
  out_.append(packet.bytes());
  char* const bytes = out_.data() + start;
  if (id != 0) ByteWriter(bytes + packet.packet_id_at()).u16(id);
  return {id, bytes + packet.payload_at()};
}

mqtt::PacketId LoadClient::next_id(mqtt::Qos qos) {
  if (qos == mqtt::Qos::at_most_once) return 0;
  const auto id = sending_.acquire();
  check(id.has_value(), "no Packet Identifier left: credit() was not asked");
  return *id;
}

void LoadClient::flush() {
  if (layers_ && !out_.empty()) {
    layers_->send(out_, wire_);
    out_.clear();
  }
  std::string& bytes = layers_ ? wire_ : out_;
  if (!write(bytes)) return;
  bytes.clear();
  sent_ = 0;
  await_writable(false);
}

/// False: the socket did not take all.
bool LoadClient::write(const std::string& bytes) {
  while (sent_ < bytes.size()) {
    const ssize_t taken = ::send(socket_.get(), bytes.data() + sent_, bytes.size() - sent_, MSG_NOSIGNAL);
    if (taken < 0 && errno == EINTR) continue;
    if (taken < 0 && errno == EAGAIN) return await_writable(true), false;
    if (taken < 0) return close("write: " + std::string(std::strerror(errno))), false;
    sent_ += static_cast<std::size_t>(taken);
    quiet_ = false;
  }
  return true;
}

void LoadClient::await_writable(bool wanted) {
  if (awaits_writable_ == wanted) return;
  awaits_writable_ = wanted;
  epoll_event event{.events = EPOLLIN | (wanted ? EPOLLOUT : 0u), .data = {.ptr = this}};
  ::epoll_ctl(epoll_, EPOLL_CTL_MOD, socket_.get(), &event);
}

void LoadClient::keep_alive(SteadyTime now) {
  if (!ready() || keep_alive_.count() == 0) return;
  if (!quiet_) {
    quiet_ = true;
    quiet_since_ = now;
  } else if (now - quiet_since_ >= keep_alive_ / 2) {
    ping();
  }
}

void LoadClient::ping() {
  if (!ready()) return;
  mqtt::append_pingreq(out_);
  if (!awaits_writable_) flush();
}

void LoadClient::subscribe(std::vector<std::string> filters) {
  check(ready() && unacknowledged() == 0, "its Packet Identifier is that of no message");
  state_ = State::waiting_suback;
  filters_sent_ = settings_.filters.size();
  settings_.filters.insert(settings_.filters.end(), filters.begin(), filters.end());
  send_next_subscribe();
}

void LoadClient::leave() {
  if (!ready()) return;
  mqtt::append_disconnect(out_, settings_.version, mqtt::ReasonCode::success);
  state_ = State::leaving;
  if (!awaits_writable_) flush();
}

void LoadClient::cut() {
  if (closed() || idle()) return;
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(socket_.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  state_ = State::closed;
  socket_.reset();
}

void LoadClient::disconnect() {
  if (closed() || idle()) return;
  mqtt::append_disconnect(out_, settings_.version, mqtt::ReasonCode::success);
  if (layers_ && layers_->open()) layers_->send(out_, wire_);
  const std::string& bytes = layers_ ? wire_ : out_;
  // Once, and whether it goes out or not: a broker that does not read any more has ended the connection for itself.
  [[maybe_unused]] const auto taken = ::send(socket_.get(), bytes.data() + sent_, bytes.size() - sent_, MSG_NOSIGNAL);
  state_ = State::closed;
  socket_.reset();
}

void LoadClient::close(std::string why) {
  state_ = State::closed;
  fault_ = std::move(why);
  socket_.reset();
  events_.on_closed(*this);
}

}  // namespace bramble::bench
