#include <algorithm>
#include <atomic>
#include <fmt/format.h>
#include <random>

#include "broker/connection/handlers.h"

namespace bramble {

using mqtt::ReasonCode;
using mqtt::Version;

namespace {

bool accepts(const ListenerOptions& listener, Version version) {
  switch (version) {
    case Version::v3_1: return listener.accept_v3;
    case Version::v3_1_1: return listener.accept_v4;
    case Version::v5: return listener.accept_v5;
  }
  return false;
}

/// May this client be served at all? What the answer does not depend on is its session.
Result<void> admit(const Connection& from, const mqtt::Connect& connect) {
  const ListenerOptions& listener = from.listener();
  const BrokerOptions& options = from.parts().config->broker;
  const bool v5 = connect.version == Version::v5;
  if (!accepts(listener, connect.version)) {
    return failure(ReasonCode::unsupported_protocol_version, "this listener does not accept its protocol version");
  }
  if (connect.authentication_method) {
    return failure(ReasonCode::bad_authentication_method, "no enhanced authentication method is available");
  }
  if (connect.client_id.empty()) {
    // 3.1 knows no empty identifiers; 3.1.1 only with Clean Session  [3.1.1: MQTT-3.1.3-8]
    const bool allowed =
        options.allow_zero_length_clientid && (v5 || (connect.version == Version::v3_1_1 && connect.clean_start));
    if (!allowed) return failure(ReasonCode::client_identifier_not_valid, "an empty client identifier");
  }
  if (!*listener.allow_anonymous) {
    return failure(ReasonCode::not_authorized, "anonymous clients are not allowed (allow_anonymous false)");
  }
  if (!v5 && options.max_keepalive != 0 && (connect.keep_alive == 0 || connect.keep_alive > options.max_keepalive)) {
    return failure(ReasonCode::client_identifier_not_valid, "its keep alive is above max_keepalive");
  }
  if (connect.will) {
    if (connect.will->qos > listener.max_qos) {
      return failure(ReasonCode::qos_not_supported, "its Will is above max_qos");  // [MQTT-3.2.2-12]
    }
    if (connect.will->retain && !options.retain_available) {
      return failure(ReasonCode::retain_not_supported, "its Will is retained, which is off");  // [MQTT-3.2.2-13]
    }
    const auto topic = TopicName::parse(connect.will->topic);
    if (!topic) return failure(ReasonCode::topic_name_invalid, "its Will Topic is not a valid topic name");
    if (topic->broker_owned()) {
      return failure(ReasonCode::not_authorized, "its Will is for $SYS, which is the broker's own");
    }
    if (options.message_size_limit != 0 && connect.will->payload.size() > options.message_size_limit) {
      return failure(ReasonCode::quota_exceeded, "its Will is above message_size_limit");
    }
  }
  return {};
}

/// Unlike any other client's, and not to be guessed: a client id is what a session is taken over by.
std::string made_up_client_id(const std::string& prefix) {
  thread_local std::random_device random;  // the system's, not a generator whose state could be found out
  const auto word = [] { return std::uint64_t{random()} << 32 | random(); };
  const std::uint64_t a = word(), b = word();
  return fmt::format("{}{:08X}-{:04X}-{:04X}-{:04X}-{:012X}", prefix, a >> 32, a >> 16 & 0xFFFF, a & 0xFFFF, b >> 48,
                     b & 0xFFFF'FFFF'FFFF);
}

/// The connection that this client has already.
Connection* current(const OwnedSession* session) {
  return session ? static_cast<Connection*>(session->connection()) : nullptr;
}

/// The session this CONNECT begins or goes on with.  [MQTT-3.1.2-4] [MQTT-3.1.2-5] [MQTT-3.1.2-6]
struct Found {
  OwnedSession& session;
  bool present;
};
Found find_session(const OnReactor& here, ShardParts& parts, OwnedSession* session, std::string_view client_id,
                   bool clean_start) {
  if (!session) return {parts.sessions.create(here, client_id), false};
  if (Connection* there = current(session)) {
    // [MQTT-3.1.4-3]; it goes on here, so its session is not left
    there->close(here, ReasonCode::session_taken_over, "is taken over by a new connection", true);
    if (!clean_start && session->will && session->will->delay.count() == 0) parts.sessions.publish_will(here, *session);
  }
  if (!clean_start && session->expiry_seconds != 0) {
    session->will.reset();  // its delay is cut short by this connection  [MQTT-3.1.3-9]
    return {*session, true};
  }
  return {parts.sessions.begin_anew(here, *session), false};
}

mqtt::Connack accepted(const Connection& from, const mqtt::Connect& connect) {
  const ListenerOptions& listener = from.listener();
  const BrokerOptions& options = from.parts().config->broker;
  mqtt::Connack connack;
  if (connect.version != Version::v5) return connack;
  if (listener.max_topic_alias != 0) connack.topic_alias_maximum = listener.max_topic_alias;
  if (options.max_keepalive != 0 && (connect.keep_alive == 0 || connect.keep_alive > options.max_keepalive)) {
    connack.server_keep_alive = options.max_keepalive;  // [MQTT-3.2.2-21]
  }
  if (listener.max_qos != mqtt::Qos::exactly_once) connack.maximum_qos = listener.max_qos;
  if (!options.retain_available) connack.retain_available = false;
  if (options.max_packet_size != 0) connack.maximum_packet_size = options.max_packet_size;
  if (options.max_inflight_messages != 0) connack.receive_maximum = options.max_inflight_messages;
  return connack;
}

bool fits(const mqtt::Connack& connack, const mqtt::Connect& connect, std::string& scratch) {
  if (connect.maximum_packet_size == 0) return true;
  scratch.clear();
  mqtt::append_connack(scratch, connect.version, connack);
  return scratch.size() <= connect.maximum_packet_size;  // [MQTT-3.1.2-24]
}

}  // namespace

ConnectOutcome on_connect(const OnReactor& here, Connection& from, const mqtt::Frame& frame) {
  ConnectOutcome done{here.id()};
  ShardParts& parts = from.parts();
  Version version{};
  const auto decoded = mqtt::decode_connect(frame, &version);
  if (version == Version{}) return from.fail(here, decoded.error()), done;  // not MQTT at all: no form to answer in
  from.set_version(version);
  if (!decoded) return from.refuse(here, decoded.error()), done;
  const mqtt::Connect& connect = *decoded;
  if (const auto admitted = admit(from, connect); !admitted) {
    return from.refuse(here, admitted.error(), connect.maximum_packet_size), done;
  }

  const bool assigned = connect.client_id.empty();
  const std::string client_id =
      assigned ? made_up_client_id(parts.config->broker.auto_id_prefix) : std::string(connect.client_id);
  mqtt::Connack connack = accepted(from, connect);
  if (assigned && connect.version == Version::v5) connack.assigned_client_identifier = client_id;  // [MQTT-3.1.3-7]
  if (!fits(connack, connect, parts.packet)) {
    const Error error{ReasonCode::packet_too_large, "its Maximum Packet Size leaves no room for a CONNACK"};
    return from.refuse(here, error, connect.maximum_packet_size), done;
  }
  if (const ReactorId owner = parts.directory.claim(client_id, here.id()); owner != here.id()) {
    return {owner, client_id};
  }
  OwnedSession* const kept = parts.sessions.find(client_id);
  if (Connection* const there = current(kept)) {
    if (from.given_up_for(*there)) {
      from.close(here, ReasonCode::session_taken_over, "had hung up and connected again before its turn came", false);
      return done;
    }
    if (there->to_be_heard_out(here)) {  // a DISCONNECT goes before this CONNECT, and so does a PUBLISH [MQTT-3.14.4-3]
      done.behind = there;
      return done;
    }
  }
  const auto [session, present] = find_session(here, parts, kept, client_id, connect.clean_start);
  parts.router.settle_leftovers(here, parts.sessions);  // its last Will goes before what it says now
  session.expiry_seconds = connect.session_expiry;
  if (connect.will) session.will = std::make_unique<Will>(Will::copy(*connect.will));

  connack.session_present = present;
  from.send([&](std::string& out) { mqtt::append_connack(out, connect.version, connack); });

  Connection::Settled settled;
  settled.version = connect.version;
  settled.keep_alive = connack.server_keep_alive.value_or(connect.keep_alive);
  settled.receive_maximum = connect.receive_maximum;
  settled.maximum_packet_size = connect.maximum_packet_size;
  settled.topic_alias_maximum = std::min(connect.topic_alias_maximum, from.listener().max_topic_alias_broker);
  settled.reason_strings = connect.request_problem_information.value_or(false);
  settled.clean_start = connect.clean_start;
  from.established(here, session, settled);
  return done;
}

}  // namespace bramble
