#include <algorithm>
#include <fmt/format.h>

#include "broker/connection/admission.h"
#include "broker/connection/connections.h"
#include "broker/connection/handlers.h"

namespace bramble {

using mqtt::ReasonCode;
using mqtt::Version;

namespace {

bool may_leave_will(const Connection& from, const Who& who, std::string_view client_id, const mqtt::WillFields& will) {
  const AccessList* const list = from.rules().access.get();
  if (!list) return true;
  std::optional<std::string_view> user;
  if (who.user) user = *who.user;
  const std::string mounted = from.mount(will.topic);
  return list->rights_of(user, client_id)->decide(Access::write, mounted.empty() ? will.topic : mounted).allowed;
}

/// For a session more, if it is one.
bool room_for(const ShardParts& parts, std::string_view client_id) {
  const auto limit = parts.config->broker.global_max_clients;
  const bool short_of_memory = parts.shortage >= Shortage::nothing_new;
  if ((limit < 0 && !short_of_memory) || parts.directory.knows(client_id)) return true;
  return !short_of_memory && parts.directory.size() < static_cast<std::size_t>(limit);
}

/// The connection that this client has already.
Connection* current(const OwnedSession* session) {
  return session ? static_cast<Connection*>(session->connection()) : nullptr;
}

/// Why it has to leave the connection that is there alone; null: it may take its place.
const char* may_not_take_over(const OnReactor& here, const Connection& from, const Connection& there,
                              std::string_view client_id) {
  ShardParts& parts = from.parts();
  const std::uint32_t most = parts.config->broker.max_takeovers;
  const auto verdict = parts.connections.takeovers().ask(client_id, most, here.now());
  if (verdict == Takeovers::Verdict::allowed) return nullptr;
  if (verdict == Takeovers::Verdict::quarantine_begins) {
    const std::string address = from.peer();
    const log::Subject subject{
        .client_id = client_id, .address = address, .reason = "max_takeovers", .reason_said = true};
    log::write(
        LogType::warning, subject,
        "Client id {} is taken over again and again, now from {}: the one that is there, from {}, stays for {} s "
        "(max_takeovers {}). Do two clients have the same id?",
        log::in_sentence(client_id), address, there.peer(), Takeovers::kWindow.count(), most);
  }
  return "its client id is taken over too often (max_takeovers)";
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
    there->close(here, ReasonCode::session_taken_over, "a new connection has taken the session over", true);
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

/// As Mosquitto does, for who looks closely.
void log_will(const Connection& from, const mqtt::Connect& connect) {
  if (!log::on(LogType::debug)) return;
  if (!connect.will) return from.report_verbatim(LogType::debug, "No will message specified.");
  const mqtt::WillFields& will = *connect.will;
  from.report_verbatim(LogType::debug, fmt::format("Will message specified ({} bytes) (r{}, q{}).", will.payload.size(),
                                                   will.retain ? 1 : 0, static_cast<int>(will.qos)));
  from.report_verbatim(LogType::debug, fmt::format("  {}", will.topic));
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
  const auto refuse = [&](const Error& error) { from.refuse(here, error, &connect); };
  if (!from.may_connect(here)) {
    return refuse({ReasonCode::connection_rate_exceeded, "its address connects too often (max_connection_rate)"}), done;
  }
  if (const auto admitted = admit(from, connect); !admitted) return refuse(admitted.error()), done;
  const auto who = who_is(here, from, connect);
  if (!who) return refuse(who.error()), done;
  if (who->asked) return done;
  const auto named = client_id_of(from, connect, *who);
  if (!named) return refuse(named.error()), done;

  const auto& [client_id, assigned] = *named;
  if (connect.will && !may_leave_will(from, *who, client_id, *connect.will)) {
    return refuse({ReasonCode::not_authorized, "it may not publish its Will (acl_file)"}), done;
  }
  if (!room_for(parts, client_id)) {
    return refuse(
               {ReasonCode::quota_exceeded, "there is no room for another session (global_max_clients, memory_limit)"}),
           done;
  }
  mqtt::Connack connack = accepted(from, connect);
  if (assigned && connect.version == Version::v5) connack.assigned_client_identifier = client_id;  // [MQTT-3.1.3-7]
  if (!fits(connack, connect, parts.packet)) {
    return refuse({ReasonCode::packet_too_large, "its Maximum Packet Size leaves no room for a CONNACK"}), done;
  }
  if (const ReactorId owner = parts.directory.claim(client_id, here.id()); owner != here.id()) {
    return {owner, client_id};
  }
  OwnedSession* const kept = parts.sessions.find(client_id);
  if (Connection* const there = current(kept)) {
    if (from.given_up_for(*there)) {
      from.close(here, ReasonCode::session_taken_over, "it had hung up and connected again before its turn came",
                 false);
      return done;
    }
    if (there->to_be_heard_out(here)) {  // a DISCONNECT goes before this CONNECT, and so does a PUBLISH [MQTT-3.14.4-3]
      done.behind = there;
      return done;
    }
    if (const char* const why = may_not_take_over(here, from, *there, client_id)) {
      return refuse({ReasonCode::server_busy, why}), done;
    }
    if (there->hear_rest(here)) {  // it may have hung up behind more than its socket holds
      done.behind = there;
      return done;
    }
  }
  // what is below another mount point is not this listener's to give
  const bool elsewhere = kept && !kept->may_be_below(from.listener().mount_point);
  const bool was_kept = kept && kept->kept();
  const bool may_come_back = parts.sessions.may_come_back(client_id);
  if (parts.ledger.failing()) {
    const bool begins_anew = !kept || connect.clean_start || elsewhere;
    const bool changes =
        was_kept ? begins_anew || connect.session_expiry != kept->expiry_seconds : connect.session_expiry != 0;
    if (changes || may_come_back) {
      return refuse({ReasonCode::quota_exceeded, "the disk takes no session more, nor the end of one"}), done;
    }
  }
  const auto [session, present] = find_session(here, parts, kept, client_id, connect.clean_start || elsewhere);
  parts.router.settle_leftovers(here, parts.sessions);  // its last Will goes before what it says now
  session.expiry_seconds = connect.session_expiry;
  session.listener = static_cast<std::uint16_t>(from.listener_number());
  session.set_access(who->user, from.rules().access.get());
  session.set_mount_point(from.listener().mount_point);
  if (connect.will) {
    session.will = std::make_unique<Will>(Will::copy(*connect.will));
    if (from.mounted()) session.will->topic = from.mount(connect.will->topic);
    if (connect.will->retain) session.source(session.will->source);
  }

  parts.sessions.tell(here, session);
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
  settled.bridge = connect.bridge;
  if (parts.ledger.commits() && (was_kept || may_come_back || session.kept()) && !parts.ledger.failing()) {
    from.hold_output_until_stored();
  }
  from.established(here, session, settled);
  log_will(from, connect);
  return done;
}

}  // namespace bramble
