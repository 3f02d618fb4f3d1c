#include "broker/connection/connection.h"

#include <algorithm>
#include <cstring>
#include <poll.h>
#include <sys/epoll.h>

#include "broker/connection/connections.h"
#include "broker/connection/handlers.h"

namespace bramble {

using mqtt::PacketType;
using mqtt::ReasonCode;

namespace {
constexpr std::size_t kSipBytes = 4096;
constexpr std::uint32_t kConnectMax = 512 * 1024;  // 3.1.1 needs 320 KiB at most
constexpr std::size_t kLimitedBytes = 16 * 1024;   // from one who may have to wait with them
constexpr std::size_t kSlowPacket = 1024;
constexpr std::size_t kTailMax = 32 * 1024;  // of a packet that is copied before its next piece at each read
constexpr std::size_t kRepliesMax =
    64 * 1024;  // acknowledgements and pings beyond max_output_bytes before reading stops

bool may_be_connect(char first) {
  return static_cast<PacketType>(static_cast<unsigned char>(first) >> 4) == PacketType::connect;
}
}  // namespace

Connection::Connection(ShardParts& parts, ConnectionAccepted accepted)
    : parts_(parts),
      transport_(std::move(accepted.transport)),
      number_(accepted.number),
      output_max_(parts.config->broker.max_output_bytes),
      listener_(accepted.listener),
      mounted_(!listener().mount_point.empty()) {}

Connection::~Connection() = default;

std::string Connection::mount(std::string_view filter) const {
  if (!mounted_) return {};
  const std::string& point = listener().mount_point;
  constexpr std::string_view kShare = "$share/";
  if (!filter.starts_with(kShare)) return point + std::string(filter);
  const auto name_end = std::min(filter.find('/', kShare.size()), filter.size() - 1) + 1;
  return std::string(filter.substr(0, name_end)) + point + std::string(filter.substr(name_end));
}

TopicMemo& Connection::memo() {
  if (!memo_) memo_ = std::make_unique<TopicMemo>();
  return *memo_;
}

// --- in ---

void Connection::ready(const OnReactor& here, std::uint32_t events) {
  if (state_ >= State::closing) return;
  if (newcomer_) interest_ = 0;  // that was its one shot
  if (events & EPOLLOUT) {
    blocked_ = false;
    mark_dirty();
    update_interest(here);
  }
  if (events & (EPOLLHUP | EPOLLRDHUP | EPOLLERR)) {
    hang_up(here);
  } else if (newcomer_) {
    if (events & ~EPOLLOUT) come_to_door(here);
  } else if (events & interest_ & EPOLLIN && !held_) {
    read_what_is_fair(here);
  }
}

void Connection::read_what_is_fair(const OnReactor& here) {
  const bool busy = parts_.router.backlogged() || !here.reactor().budget_left(here);
  if (allowance_ || parts_.shortage >= Shortage::slow_publishers) return read(here, busy ? kSipBytes : kLimitedBytes);
  read(here, busy ? kSipBytes : Reactor::kReadBytes);
}

void Connection::sip(const OnReactor& here) {
  if (state_ >= State::closing || held_) return;
  heard_ = here.now();  // its silence was our doing
  if (replies_pile_up()) return;
  read(here, kSipBytes);
}

/// Into the turn's memory, behind what came before of the same packet, so that packets lie there whole.
void Connection::read(const OnReactor& here, std::size_t size_max) {
  if (unread_ && unread_->size() > kTailMax) return read_more(here, size_max);
  TurnBuffer& buffer = here.reactor().turn_buffer(here);
  const std::size_t before = unread_ ? unread_->size() : 0;
  char* const bytes = buffer.room(before + size_max);
  const auto moved = receive(here, bytes + before, size_max);
  if (moved.bytes == 0) return;
  if (before != 0) std::memcpy(bytes, unread_->view().data(), before);
  buffer.take(before + moved.bytes);
  parts_.counters.add(Metric::bytes_received, static_cast<std::int64_t>(moved.bytes));
  // What was routed before these bytes came is delivered before them (docs/design.md, Order).
  here.reactor().drain_inbox(here);
  if (state_ >= State::closing) return;
  unread_.reset();
  handle_lasting(here, {bytes, before + moved.bytes});
}

Transport::Moved Connection::read_transport(const OnReactor& here, char* to, std::size_t size_max) {
  const auto moved = transport_->read(to, size_max);
  if (overdue_) read_since_ = true;
  if (moved.effort != 0) here.reactor().spend(here, static_cast<int>(moved.effort));
  if (transport_->has_unseen_bytes()) look_for_unseen(here);
  return moved;
}

Transport::Moved Connection::receive(const OnReactor& here, char* to, std::size_t size_max) {
  const auto moved = read_transport(here, to, size_max);
  if (transport_->wants_write() && !blocked_) mark_dirty();
  if (moved.state == Transport::State::closed) {
    hung_up(here);
  }
  return moved;
}

void Connection::look_for_unseen(const OnReactor& here) {
  if (unseen_) return;
  unseen_ = true;
  parts_.connections.read_later(*this);
  here.reactor().want_turn(here);
}

bool Connection::read_unseen(const OnReactor& here) {
  if (state_ >= State::closing || !transport_->has_unseen_bytes()) {
    unseen_ = false;
  } else if (held_ || paused_ || connect_waits_ || waits_at_ || replies_pile_up()) {
    return false;
  } else {
    unseen_ = false;
    if (newcomer_) {
      come_to_door(here);  // its CONNECT may have to wait there
    } else {
      read_what_is_fair(here);
    }
  }
  return true;
}

/// More of a packet of which much is there already: copied once it is whole.
void Connection::read_more(const OnReactor& here, std::size_t size_max) {
  char* const bytes = here.reactor().turn_buffer(here).room(size_max);
  const auto moved = receive(here, bytes, size_max);
  if (moved.bytes == 0) return;
  parts_.counters.add(Metric::bytes_received, static_cast<std::int64_t>(moved.bytes));
  unread_->append({bytes, moved.bytes});
  here.reactor().drain_inbox(here);
  if (state_ >= State::closing) return;
  heard(here, false);
  const auto frame = mqtt::next_frame(unread_->view(), parts_.config->broker.max_packet_size, version_);
  if (frame && frame->size == 0) return;
  handle_unread(here);
}

void Connection::handle_lasting(const OnReactor& here, std::string_view bytes) {
  parts_.packet_lasts = true;
  const std::size_t handled = handle_packets(here, bytes);
  parts_.packet_lasts = false;
  if (state_ >= State::closing || handled == bytes.size()) return;
  take_unread(std::string(bytes.substr(handled)));
  heard(here, false);
}

/// Keep Alive counts packets, not bytes [MQTT-3.1.2-22]; but a large one on a slow line is a client that is alive.
void Connection::heard(const OnReactor& here, bool packet) {
  if (packet || (unread_ && unread_->size() > kSlowPacket)) heard_ = here.now();
}

void Connection::resume(const OnReactor& here) {
  held_ = false;
  wanted_at_door(here);
  if (state_ < State::closing && unread_) handle_unread(here);
}

void Connection::handle_unread(const OnReactor& here) {
  // the handlers may close or move this connection, which takes unread_ away
  std::unique_ptr<Unread> kept = std::move(unread_);
  const std::string_view bytes = kept->view();
  if (bytes.size() <= Reactor::kReadBytes && !allowance_) {
    TurnBuffer& buffer = here.reactor().turn_buffer(here);
    char* const copy = buffer.room(bytes.size());
    std::memcpy(copy, bytes.data(), bytes.size());
    buffer.take(bytes.size());
    return handle_lasting(here, {copy, bytes.size()});
  }
  const std::size_t handled = handle_packets(here, bytes);
  if (state_ >= State::closing || handled == bytes.size()) return;
  kept->drop(handled);
  unread_ = std::move(kept);
}

std::size_t Connection::handle_packets(const OnReactor& here, std::string_view bytes) {
  std::uint32_t size_max = parts_.config->broker.max_packet_size;
  if (state_ == State::awaiting_connect && (size_max == 0 || size_max > kConnectMax)) size_max = kConnectMax;
  std::size_t handled = 0;
  while (handled < bytes.size()) {
    if (state_ == State::awaiting_connect && !may_be_connect(bytes[handled])) {
      lost(here, {{},
                  "it sent something before CONNECT",
                  ReasonCode::protocol_error,
                  true});  // [MQTT-3.1.0-1]; there is no version to answer in
      return handled;
    }
    const auto frame = mqtt::next_frame(bytes.substr(handled), size_max, version_);
    if (!frame) {
      fail(here, frame.error());
      return handled;
    }
    if (frame->size == 0) break;
    if (frame->type == PacketType::publish && state_ == State::connected &&
        (parts_.router.backlogged() || !here.reactor().caught_up(here) || allowance_ ||
         parts_.shortage != Shortage::none)) {
      const auto publishes = may_publish(here, *frame);
      if (publishes == Publishes::later) break;  // all but PUBLISH goes on
      if (publishes == Publishes::never) {
        handled += frame->size;
        continue;
      }
    }
    if (const auto done = handle(here, *frame, bytes.substr(handled)); !done) {
      fail(here, done.error());
      return handled;
    }
    if (state_ >= State::closing) return handled;
    if (held_ || connect_waits_) break;
    parts_.counters.add(Metric::messages_received);
    handled += frame->size;
  }
  heard(here, handled != 0);
  if (out_.bytes() > output_max_ + kRepliesMax || answers_held_) update_interest(here);
  return handled;
}

void Connection::hold(const OnReactor& here) {
  held_ = true;
  heard_ = here.now();
  here.reactor().want_turn(here);
}

void Connection::hold_packet(const OnReactor& here) {
  hold(here);
  parts_.connections.resume_later(*this);
}

void Connection::hold_slice(const OnReactor& here) {
  hold(here);
  parts_.connections.slice_later(*this);
}

void Connection::handle_connect(const OnReactor& here, const mqtt::Frame& frame, std::string_view from_here) {
  const auto outcome = on_connect(here, *this, frame);
  if (outcome.owner != here.id()) move_to(here, outcome.owner, outcome.client_id, from_here);
  if (outcome.behind) wait_behind(*outcome.behind);
}

Result<void> Connection::handle(const OnReactor& here, const mqtt::Frame& frame, std::string_view from_here) {
  if (state_ == State::awaiting_connect) {
    handle_connect(here, frame, from_here);
    return {};
  }
  switch (frame.type) {
    case PacketType::publish: return on_publish(here, *this, frame);
    case PacketType::puback: return on_puback(here, *this, frame);
    case PacketType::pubrec: return on_pubrec(here, *this, frame);
    case PacketType::pubrel: return on_pubrel(here, *this, frame);
    case PacketType::pubcomp: return on_pubcomp(here, *this, frame);
    case PacketType::subscribe: return on_subscribe(here, *this, frame);
    case PacketType::unsubscribe: return on_unsubscribe(here, *this, frame);
    case PacketType::pingreq: return on_pingreq(here, *this, frame);
    case PacketType::disconnect: return on_disconnect(here, *this, frame);
    case PacketType::auth: return on_auth(here, *this, frame);
    case PacketType::connect: return protocol_error("a second CONNECT");  // [MQTT-3.1.0-2]
    default: return protocol_error("a packet that only a server sends");
  }
}

void Connection::set_paused(const OnReactor& here, bool paused) {
  paused_ = paused;
  wanted_at_door(here);
  if (state_ < State::closing) update_interest(here);
}

bool Connection::replies_pile_up() const {
  if ((blocked_ || output_held_) && out_.bytes() > output_max_ + kRepliesMax) return true;
  return answers_held_ && parts_.connections.held_answers().bytes(*this) > kRepliesMax;
}

std::uint32_t Connection::wanted_events() const {
  std::uint32_t wanted = paused_ || replies_pile_up() ? 0u : static_cast<std::uint32_t>(EPOLLIN | EPOLLRDHUP);
  if (throttled_) wanted &= ~static_cast<std::uint32_t>(EPOLLIN);
  if (blocked_ || transport_->wants_write()) wanted |= EPOLLOUT;
  if (wanted != 0 && newcomer_) wanted |= EPOLLONESHOT;
  return wanted;
}

void Connection::update_interest(const OnReactor& here) {
  if (at_door_ == AtDoor::going) return;  // it is not watched any more
  const std::uint32_t wanted = wanted_events();
  if (unseen_) here.reactor().want_turn(here);
  if (wanted == interest_) return;
  interest_ = wanted;
  here.reactor().readiness(here).change(transport_->descriptor(), *this, interest_);
}

}  // namespace bramble
