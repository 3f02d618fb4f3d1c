// What the log says of a Connection.
#include "broker/connection/client_lines.h"

#include "broker/connection/connections.h"
#include "broker/net/tcp.h"
#include "broker/net/verification.h"

namespace bramble {

using mqtt::ReasonCode;
using mqtt::Version;

std::string_view words_for(ReasonCode code) {
  switch (code) {
    case ReasonCode::malformed_packet: return "disconnected due to malformed packet.";
    case ReasonCode::protocol_error: return "disconnected due to protocol error.";
    case ReasonCode::bad_user_name_or_password:
    case ReasonCode::not_authorized: return "disconnected, not authorised.";
    case ReasonCode::keep_alive_timeout: return "has exceeded timeout, disconnecting.";
    case ReasonCode::session_taken_over: return "already connected, closing old connection.";
    case ReasonCode::packet_too_large: return "disconnected due to oversize packet.";
    case ReasonCode::administrative_action: return "been disconnected by administrative action.";
    case ReasonCode::retain_not_supported:
    case ReasonCode::qos_not_supported: return "disconnected due to QoS too high or retain not supported.";
    default: return {};
  }
}

Connection::Named::Named(const Connection& of) : address(of.peer()), listener(of.at_listener()) {
  subject.address = address;
  subject.listener = listener;
  if (!of.session_) return;
  subject.client_id = of.session_->client_id();
  const SessionAccess* const access = of.session_->access();
  if (access && access->user) subject.user = *access->user;
}

void Connection::report(const OnReactor& here, const ClientLine& line) const {
  if (!log::on(LogType::notice)) return;
  Named named(*this);
  if (line.limited) {
    const std::string_view cause = line.why.empty() ? line.words : without_subject(line.why);
    if (!here.reactor().may_log(here, cause, host_of(named.address))) return;
  }
  log::Subject& subject = named.subject;
  subject.reason = line.why;
  if (!session_) {
    subject.client_id = line.client_id;
    subject.user = line.user;
  }
  if (line.code != ReasonCode::success) subject.reason_code = static_cast<std::uint8_t>(line.code);
  if (state_ == State::awaiting_connect) announce(subject);
  const std::string_view words = line.words.empty() ? words_for(line.code) : line.words;
  if (words.empty()) {
    subject.reason_said = true;
    log::write(LogType::notice, subject, "Client {} disconnected: {}.", subject.name(), line.why);
  } else {
    if (subject.reason.empty()) {  // for the forms that have a field for it
      subject.reason = words.substr(0, words.size() - 1);
      subject.reason_said = true;
    }
    log::write(LogType::notice, subject, "Client {} {}", subject.name(), words);
  }
}

/// Not when it is accepted, but before the first line that there is about it: who makes lines in vain makes none here.
void Connection::announce(const log::Subject& of) const {
  if (!parts_.config->broker.connection_messages) return;
  const log::Subject subject{.address = of.address, .listener = of.listener};
  log::write(LogType::notice, subject, "New connection from {} on port {}.", of.address, of.listener);
}

void Connection::report_connected(bool clean_start) const {
  if (!parts_.config->broker.connection_messages || !log::on(LogType::notice)) return;
  Named named(*this);
  log::Subject& subject = named.subject;
  announce(subject);
  const std::string user = subject.user.empty() ? "" : fmt::format(", u'{}'", log::in_sentence(subject.user));
  subject.user_said = true;
  const int protocol = version_ == Version::v5 ? 5 : version_ == Version::v3_1_1 ? 2 : 1;
  log::write(LogType::notice, subject, "New client connected from {} as {} (p{}, c{}, k{}{}).", subject.address,
             log::in_sentence(subject.client_id), protocol, clean_start ? 1 : 0, keep_alive_, user);
}

void Connection::report_verbatim(LogType type, std::string_view sentence) const {
  Named named(*this);
  named.subject.user_said = true;
  log::write(type, named.subject, "{}", log::in_sentence(sentence, 4 * log::kNameBytesMax));
}

}  // namespace bramble
