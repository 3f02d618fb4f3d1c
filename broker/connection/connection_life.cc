// The beginning and the end of a Connection.
#include <algorithm>
#include <poll.h>
#include <sys/epoll.h>

#include "broker/connection/connections.h"
#include "broker/net/tcp.h"

namespace bramble {

using mqtt::ReasonCode;
using mqtt::Version;

namespace {
constexpr Seconds kLookAgain{1};

std::uint32_t seconds_of(SteadyTime time) {
  return static_cast<std::uint32_t>(std::chrono::duration_cast<Seconds>(time.time_since_epoch()).count());
}
}  // namespace

void Connection::start(const OnReactor& here) {
  heard_ = here.now();
  const BrokerOptions& options = parts_.config->broker;
  shaking_hands_ = !transport_->established();
  here.reactor().timers(here).arm(*this,
                                  here.now() + (shaking_hands_ ? options.handshake_timeout : options.connect_timeout));
  interest_ = wanted_events();
  if (!here.reactor().readiness(here).add(transport_->descriptor(), *this, interest_)) {
    lost(here, "the kernel cannot watch another socket");
  }
}

void Connection::established(const OnReactor& here, OwnedSession& session, const Settled& settled) {
  session_ = &session;
  state_ = State::connected;
  version_ = settled.version;
  keep_alive_ = settled.keep_alive;
  maximum_packet_size_ = settled.maximum_packet_size;
  alias_maximum_ = settled.topic_alias_maximum;
  reason_strings_ = settled.reason_strings;
  clean_start_ = settled.clean_start;
  since_ = seconds_of(here.now());
  parts_.counters.add(Metric::clients_connected);
  parts_.counters.add(Metric::connections);
  settling_ = true;
  if (keep_alive_ == 0) {
    here.reactor().timers(here).disarm(*this);
  } else {
    here.reactor().timers(here).arm(*this, here.now() + Milliseconds(1500 * keep_alive_));
  }
  if (parts_.config->broker.connection_messages) {
    const std::string user =
        session.access() && session.access()->user ? fmt::format(", u'{}'", *session.access()->user) : "";
    log::write(LogType::notice, "New client connected from {} as {} (p{}, c{}, k{}{}).", peer(), session.client_id(),
               version_ == Version::v5       ? 5
               : version_ == Version::v3_1_1 ? 2
                                             : 1,
               settled.clean_start ? 1 : 0, keep_alive_, user);
  }
  parts_.sessions.present(here, session, *this, settled.receive_maximum, here.reactor().turn_buffer(here));
  if (!session.replays.empty()) parts_.connections.replay_later(here, *this);
}

Seconds Connection::connected_for(const OnReactor& here) const { return Seconds(seconds_of(here.now()) - since_); }

std::string Connection::listener_name() const {
  const ListenerOptions& options = listener();
  if (options.unix_socket()) return options.bind_address;
  if (options.port != 0) return std::to_string(options.port);
  const std::string name = socket_name(transport_->descriptor());  // the system has picked it
  return name.substr(name.rfind(':') + 1);
}

void Connection::due(const OnReactor& here) {
  if (state_ >= State::closing) return;
  if (held_ || paused_) heard_ = here.now();
  const SteadyTime due = heard_ + Milliseconds(1500 * keep_alive_);
  if (state_ == State::connected && here.now() < due) {
    here.reactor().timers(here).arm(*this, due);  // it has been heard since: one timer re-armed, not one a packet
  } else if (has_unheard_bytes()) {
    here.reactor().timers(here).arm(*this, here.now() + kLookAgain);  // it is us who stood still
  } else if (shaking_hands_ && transport_->established()) {
    shaking_hands_ = false;
    const BrokerOptions& options = parts_.config->broker;
    here.reactor().timers(here).arm(
        *this, here.now() + std::max(options.connect_timeout - options.handshake_timeout, Seconds(0)));
  } else if (shaking_hands_ && transport_->has_answered_more()) {
    here.reactor().timers(here).arm(*this, here.now() + parts_.config->broker.handshake_timeout);
  } else if (state_ == State::awaiting_connect) {
    lost(here, shaking_hands_ ? "did not end its handshake in time" : "did not send CONNECT in time");
  } else {
    close(here, ReasonCode::keep_alive_timeout, "has exceeded timeout, disconnecting", false);  // [MQTT-3.1.2-22]
  }
}

bool Connection::has_unheard_bytes() const {
  return at_door_ != AtDoor::no || (interest_ & EPOLLIN && Readiness::shows(transport_->descriptor(), POLLIN));
}

void Connection::fail(const OnReactor& here, const Error& error) {
  if (state_ == State::awaiting_connect) return lost(here, error.what);  // no version to answer in
  close(here, error.code, error.what, false);
}

void Connection::refuse(const OnReactor& here, const Error& error, std::uint32_t maximum_packet_size) {
  maximum_packet_size_ = maximum_packet_size;
  mqtt::Connack connack;
  connack.code = error.code;
  send([&](std::string& out) { mqtt::append_connack(out, version_, connack); });
  if (parts_.config->broker.connection_messages) {
    log::write(LogType::notice, "Client {} refused: {} ({}).", peer(), error.what, name(error.code));
  }
  lost(here, "");
}

void Connection::close(const OnReactor& here, ReasonCode code, const char* why, bool keep_session) {
  if (state_ >= State::closing) return;
  if (parts_.config->broker.connection_messages) log::write(LogType::notice, "Client {} {}.", describe(), why);
  if (state_ == State::connected && is_v5()) {
    const auto say = [&](std::string_view words) {
      return send([&](std::string& out) { mqtt::append_disconnect(out, version_, code, words); });
    };
    if (!reason_strings_ || !say(why)) say("");
  }
  if (keep_session && session_) {
    session_->disconnected();
    session_ = nullptr;
    parts_.counters.subtract(Metric::clients_connected);
  }
  lost(here, "");
}

void Connection::disconnect(const OnReactor& here, bool with_will) {
  if (!with_will) session_->will.reset();  // [MQTT-3.14.4-3]
  lost(here, "disconnected");
}

/// The connection is over, whoever ended it: the session goes on without it, what waits is written once, then it
/// closes.
void Connection::lost(const OnReactor& here, const char* why) {
  if (state_ >= State::closing) return;
  if (*why != '\0' && parts_.config->broker.connection_messages) {
    log::write(LogType::notice, "Client {} {}.", describe(), why);
  }
  state_ = State::closing;
  here.reactor().timers(here).disarm(*this);
  leave_session(here);
  unread_.reset();
  parts_.connections.closed(*this);
  here.reactor().want_turn(here);
}

void Connection::leave_session(const OnReactor& here) {
  if (!session_) return;
  OwnedSession& session = *std::exchange(session_, nullptr);
  parts_.counters.subtract(Metric::clients_connected);
  parts_.sessions.absent(here, session, parts_.config->broker.persistent_client_expiration);
}

void Connection::move_to(const OnReactor& here, ReactorId owner, const std::string& client_id,
                         std::string_view unread) {
  auto moved = std::make_unique<ConnectionMoved>();
  moved->accepted.listener = listener_;
  moved->accepted.number = number_;
  moved->unread = std::string(unread);
  moved->client_id = client_id;
  moved->password_right = login_ == Login::right;
  here.reactor().timers(here).disarm(*this);
  here.reactor().readiness(here).remove(transport_->descriptor(), *this);
  if (at_door_ == AtDoor::going) count_as_leaving(false);  // it is found to have hung up there once more
  moved->accepted.transport = std::move(transport_);
  state_ = State::closing;
  parts_.connections.closed(*this);
  parts_.mesh.post(here, owner, std::move(moved));
}

}  // namespace bramble
