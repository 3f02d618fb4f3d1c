// The beginning and the end of a Connection.
#include <algorithm>
#include <poll.h>
#include <sys/epoll.h>

#include "broker/connection/connections.h"
#include "broker/net/tcp.h"

namespace bramble {

using mqtt::ReasonCode;

namespace {
constexpr Seconds kLookAgain{1};
}  // namespace

void Connection::start(const OnReactor& here) {
  heard_ = here.now();
  const BrokerOptions& options = parts_.config->broker;
  shaking_hands_ = !transport_->established();
  here.reactor().timers(here).arm(*this,
                                  here.now() + (shaking_hands_ ? options.handshake_timeout : options.connect_timeout));
  interest_ = wanted_events();
  if (!here.reactor().readiness(here).add(transport_->descriptor(), *this, interest_)) {
    lost(here, {{}, "the kernel cannot watch another socket", ReasonCode{}, true});
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
  bridge_ = settled.bridge;
  session.since = seconds_of(here.now());
  parts_.counters.add(Metric::clients_connected);
  parts_.counters.add(Metric::connections);
  settling_ = true;
  limit_publishing(here);
  if (keep_alive_ == 0) {
    here.reactor().timers(here).disarm(*this);
  } else {
    here.reactor().timers(here).arm(*this, here.now() + Milliseconds(1500 * keep_alive_));
  }
  report_connected(settled.clean_start);
  parts_.sessions.present(here, session, *this, settled.receive_maximum, here.reactor().turn_buffer(here));
  if (!session.replays.empty()) parts_.connections.replay_later(here, *this);
}

Seconds Connection::connected_for(const OnReactor& here) const {
  return Seconds(seconds_of(here.now()) - session_->since);
}

void Connection::due(const OnReactor& here) {
  if (state_ >= State::closing) return;
  if (held_ || paused_) heard_ = here.now();
  const SteadyTime due = heard_ + Milliseconds(1500 * keep_alive_);
  if (state_ == State::connected && here.now() < due) {
    overdue_ = false;
    here.reactor().timers(here).arm(*this, due);  // it has been heard since: one timer re-armed, not one a packet
  } else if (has_unheard_bytes() && !(overdue_ && read_since_)) {  // it may be us who stood still
    overdue_ = true;
    read_since_ = false;
    here.reactor().timers(here).arm(*this, here.now() + kLookAgain);
  } else if (shaking_hands_ && transport_->established()) {
    shaking_hands_ = false;
    const BrokerOptions& options = parts_.config->broker;
    here.reactor().timers(here).arm(
        *this, here.now() + std::max(options.connect_timeout - options.handshake_timeout, Seconds(0)));
  } else if (shaking_hands_ && transport_->has_answered_more()) {
    here.reactor().timers(here).arm(*this, here.now() + parts_.config->broker.handshake_timeout);
  } else if (state_ == State::awaiting_connect) {
    const char* const why = shaking_hands_ ? "it did not end its handshake in time" : "it did not send CONNECT in time";
    lost(here, {{}, why, ReasonCode{}, true});
  } else {
    close(here, ReasonCode::keep_alive_timeout, "it was silent for longer than its Keep Alive allows",
          false);  // [MQTT-3.1.2-22]
  }
}

bool Connection::has_unheard_bytes() const {
  return at_door_ != AtDoor::no || (interest_ & EPOLLIN && Readiness::shows(transport_->descriptor(), POLLIN));
}

void Connection::fail(const OnReactor& here, const Error& error) {
  const ClientLine line{{}, error.what, error.code, true};
  if (state_ == State::awaiting_connect) return lost(here, line);  // no version to answer in
  close(here, line, false);
}

void Connection::refuse(const OnReactor& here, const Error& error, const mqtt::Connect* asked) {
  ClientLine line{{}, error.what, error.code, true};
  if (asked) {
    maximum_packet_size_ = asked->maximum_packet_size;
    line.client_id = asked->client_id;
    line.user = asked->user_name.value_or("");
  }
  mqtt::Connack connack;
  connack.code = error.code;
  send([&](std::string& out) { mqtt::append_connack(out, version_, connack); });
  lost(here, line);
}

void Connection::close(const OnReactor& here, const ClientLine& line, bool keep_session) {
  if (state_ >= State::closing) return;
  report_end(here, line);
  if (state_ == State::connected && is_v5()) {
    const auto say = [&](std::string_view words) {
      return send([&](std::string& out) { mqtt::append_disconnect(out, version_, line.code, words); });
    };
    if (!reason_strings_ || !say(line.why)) say("");
  }
  if (keep_session && session_) {
    session_->disconnected();
    session_ = nullptr;
    parts_.counters.subtract(Metric::clients_connected);
  }
  end(here);
}

void Connection::disconnect(const OnReactor& here, bool with_will) {
  if (!with_will) session_->will.reset();  // [MQTT-3.14.4-3]
  lost(here, {"disconnected.", "", with_will ? ReasonCode::disconnect_with_will : ReasonCode::success});
}

void Connection::hung_up(const OnReactor& here) {
  const char* const fault = transport_->fault();
  if (*fault != '\0') return lost(here, {{}, fault, ReasonCode{}, true});
  const char* const why = deaf() ? "what it had sent beyond what it may publish is not heard" : "";
  lost(here, {"closed its connection.", why, ReasonCode{}, state_ == State::awaiting_connect});
}

void Connection::lost(const OnReactor& here, const ClientLine& line) {
  if (state_ >= State::closing) return;
  report_end(here, line);
  end(here);
}

void Connection::report_end(const OnReactor& here, const ClientLine& line) const {
  if (parts_.config->broker.connection_messages) report(here, line);
}

/// The connection is over, whoever ended it: the session goes on without it, what waits is written once, then it
/// closes.
void Connection::end(const OnReactor& here) {
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
  if (login_ == Login::right) moved->password_known_by = rules().users;
  here.reactor().timers(here).disarm(*this);
  here.reactor().readiness(here).remove(transport_->descriptor(), *this);
  if (at_door_ == AtDoor::going) count_as_leaving(false);  // it is found to have hung up there once more
  moved->accepted.transport = std::move(transport_);
  state_ = State::closing;
  parts_.connections.closed(*this);
  parts_.mesh.post(here, owner, std::move(moved));
}

}  // namespace bramble
