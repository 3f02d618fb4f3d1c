#pragma once

#include <optional>
#include <string>

#include "broker/connection/connection.h"

namespace bramble {

/// Who a client that wants to connect is, as far as that is known.
struct Who {
  std::optional<std::string> user;  ///< nothing: anonymous
  bool asked = false;               ///< its password is being checked: nothing is known yet
};

/// Is it who it says, and may it come in by this listener? By its certificate or key, by its password, or as nobody if
/// the listener lets anonymous clients in.  Threads: the connection's reactor.
Result<Who> who_is(const OnReactor& here, Connection& from, const mqtt::Connect& connect);

/// May this client be served at all? What the answer does not depend on is its session.
Result<void> admit(const Connection& from, const mqtt::Connect& connect);

/// The id of a session.
struct ClientId {
  std::string text;
  bool assigned = false;  ///< the client gave none
};
/// The id of its session: its own, its user's (use_username_as_clientid), or one that is made up. With
/// clientid_prefixes its own or made-up one has to begin so in any case, as in Mosquitto, and its user's too.
Result<ClientId> client_id_of(const Connection& from, const mqtt::Connect& connect, const Who& who);

/// Why a client that is there may not stay, now that its listener's rules are no longer `before`; null: it may.
const char* may_not_stay(const Connection& connection, const ListenerRules& before);

}  // namespace bramble
