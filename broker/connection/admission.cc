#include "broker/connection/admission.h"

#include <algorithm>
#include <fmt/format.h>
#include <random>

#include "core/mqtt/utf8.h"

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

/// Unlike any other client's, and not to be guessed: a client id is what a session is taken over by.
std::string made_up_client_id(const std::string& prefix) {
  thread_local std::random_device random;  // the system's, not a generator whose state could be found out
  const auto word = [] { return std::uint64_t{random()} << 32 | random(); };
  const std::uint64_t a = word(), b = word();
  return fmt::format("{}{:08X}-{:04X}-{:04X}-{:04X}-{:012X}", prefix, a >> 32, a >> 16 & 0xFFFF, a & 0xFFFF, b >> 48,
                     b & 0xFFFF'FFFF'FFFF);
}

Result<Who> who_by_certificate(const Connection& from, bool subject) {
  const ProvenIdentity proven = from.identity();
  const std::string& name = subject ? proven.subject : proven.identity;
  if (name.empty()) return failure(ReasonCode::bad_user_name_or_password, "its certificate or key names nobody");
  if (!mqtt::valid_utf8(name)) return failure(ReasonCode::bad_user_name_or_password, "its certificate names no UTF-8");
  return Who{name};
}

}  // namespace

Result<Who> who_is(const OnReactor& here, Connection& from, const mqtt::Connect& connect) {
  const ListenerRules& rules = from.rules();
  const TlsOptions& tls = rules.options.tls;
  if (tls.use_identity_as_username || tls.use_subject_as_username) {
    return who_by_certificate(from, tls.use_subject_as_username);
  }
  if (!connect.user_name || connect.user_name->empty()) {  // none, as in Mosquitto
    if (*rules.options.auth.allow_anonymous) return Who{};
    return failure(ReasonCode::not_authorized, "anonymous clients are not allowed (allow_anonymous false)");
  }
  Who who{std::string(*connect.user_name)};
  if (!rules.users) {
    if (*rules.options.auth.allow_anonymous) return who;  // nobody has checked it, and nobody asks to
    return failure(ReasonCode::not_authorized,
                   "there is no password_file to check it with, and allow_anonymous is false");
  }
  switch (from.ask_for_password(here, *connect.user_name, connect.password.value_or(""))) {
    case Connection::Login::right: return who;
    case Connection::Login::too_many:
      return failure(ReasonCode::connection_rate_exceeded, "too many passwords are being checked (password_rate)");
    case Connection::Login::asked: who.asked = true; return who;
    case Connection::Login::wrong:
    case Connection::Login::unknown: break;
  }
  return failure(ReasonCode::not_authorized, "its user name or password is wrong");
}

Result<void> admit(const Connection& from, const mqtt::Connect& connect) {
  const ListenerOptions& listener = from.listener();
  const BrokerOptions& options = from.parts().config->broker;
  const bool v5 = connect.version == Version::v5;
  if (from.rules().closed) {
    return failure(ReasonCode::server_unavailable, "its listener is gone from the configuration");
  }
  if (from.began_before_its_rules()) {
    return failure(ReasonCode::server_unavailable, "its listener asks otherwise who it is since it connected");
  }
  if (!accepts(listener, connect.version)) {
    return failure(ReasonCode::unsupported_protocol_version, "this listener does not accept its protocol version");
  }
  if (connect.authentication_method) {
    return failure(ReasonCode::bad_authentication_method, "no enhanced authentication method is available");
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
      return failure(ReasonCode::not_authorized, "its Will is for a topic of the broker's own ($SYS, $CONTROL)");
    }
    if (options.message_size_limit != 0 && connect.will->payload.size() > options.message_size_limit) {
      return failure(ReasonCode::packet_too_large, "its Will is above message_size_limit");
    }
  }
  return {};
}

Result<ClientId> client_id_of(const Connection& from, const mqtt::Connect& connect, const Who& who) {
  const ListenerOptions& listener = from.listener();
  ClientId id{std::string(connect.client_id), false};
  if (id.text.empty()) {
    // 3.1 knows no empty identifiers; 3.1.1 only with Clean Session  [3.1.1: MQTT-3.1.3-8]
    const bool version_allows =
        connect.version == Version::v5 || (connect.version == Version::v3_1_1 && connect.clean_start);
    if (!listener.auth.allow_zero_length_clientid || !version_allows) {
      return failure(ReasonCode::client_identifier_not_valid, "an empty client identifier");
    }
    id = {made_up_client_id(listener.auth.auto_id_prefix), true};
  }
  const auto& prefixes = from.parts().config->broker.clientid_prefixes;
  const auto begins_right = [&] {
    return prefixes.empty() ||
           std::ranges::any_of(prefixes, [&](const auto& prefix) { return id.text.starts_with(prefix); });
  };
  constexpr const char* kBeginsOtherwise = "its client identifier begins otherwise (clientid_prefixes)";
  if (!begins_right()) return failure(ReasonCode::not_authorized, kBeginsOtherwise);
  if (!listener.use_username_as_clientid) return id;
  if (!who.user || who.user->empty()) {
    return failure(ReasonCode::not_authorized, "it has no user name to be its client identifier");
  }
  id.text = *who.user;
  if (!begins_right()) return failure(ReasonCode::not_authorized, kBeginsOtherwise);
  return id;
}

const char* may_not_stay(const Connection& connection, const ListenerRules& before) {
  const ListenerRules& now = connection.rules();
  if (now.closed) return "its listener is gone from the configuration";
  if (connection.state() != Connection::State::connected) return nullptr;  // its CONNECT goes by the new rules
  const TlsOptions& tls = now.options.tls;
  const TlsOptions& tls_before = before.options.tls;
  if (now.tls && !before.tls) return "its listener speaks TLS only now";
  if (tls.require_certificate && !tls_before.require_certificate) return "its listener asks for certificates now";
  if (now.options.enable_proxy_protocol != before.options.enable_proxy_protocol ||
      (now.options.proxy_protocol_v2_require_tls && !before.options.proxy_protocol_v2_require_tls)) {
    return "its listener takes other connections of proxies now";
  }
  if (now.options.mount_point != before.options.mount_point) return "its listener has another mount_point now";
  if (tls.use_identity_as_username != tls_before.use_identity_as_username ||
      tls.use_subject_as_username != tls_before.use_subject_as_username) {
    return "its listener takes user names from elsewhere now";
  }
  if (tls.use_identity_as_username || tls.use_subject_as_username) return nullptr;
  const SessionAccess* const access = connection.session().access();
  if (!access || !access->user) {
    return *now.options.auth.allow_anonymous ? nullptr : "anonymous clients are not allowed any more";
  }
  if (!now.users) return *now.options.auth.allow_anonymous ? nullptr : "there is no password_file any more";
  if (!before.users) return "there is a password_file now";
  if (now.users->file().same_password(*access->user, before.users->file())) return nullptr;
  return "its line in the password_file has changed or is gone";
}

}  // namespace bramble
