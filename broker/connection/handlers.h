#pragma once

#include "broker/connection/connection.h"

/// What is done for each packet that a client may send: one function a kind, named after it. An Error ends the
/// connection: Connection::fail tells the client.  Threads: the connection's reactor.
namespace bramble {

/// Either the session is attached and CONNACK queued, or the CONNECT is refused, or the session lives on another
/// reactor, to which the connection must move, or what the client said on its last connection goes first, or its
/// password is being checked, and the CONNECT is handled again.
struct ConnectOutcome {
  ReactorId owner;               ///< another reactor's: move
  std::string client_id{};       ///< then, as which client
  Connection* behind = nullptr;  ///< goes first: the CONNECT is handled again when that has ended
};
ConnectOutcome on_connect(const OnReactor& here, Connection& from, const mqtt::Frame& frame);

Result<void> on_publish(const OnReactor& here, Connection& from, const mqtt::Frame& frame);
/// It is a PUBLISH that removes a retained message which is there, and so frees memory.  O(levels)
bool removes_retained(Connection& from, const mqtt::Frame& frame);
Result<void> on_puback(const OnReactor& here, Connection& from, const mqtt::Frame& frame);
Result<void> on_pubrec(const OnReactor& here, Connection& from, const mqtt::Frame& frame);
Result<void> on_pubrel(const OnReactor& here, Connection& from, const mqtt::Frame& frame);
Result<void> on_pubcomp(const OnReactor& here, Connection& from, const mqtt::Frame& frame);
[[gnu::noinline]] Result<void> on_subscribe(const OnReactor& here, Connection& from, const mqtt::Frame& frame);
[[gnu::noinline]] Result<void> on_unsubscribe(const OnReactor& here, Connection& from, const mqtt::Frame& frame);
Result<void> on_pingreq(const OnReactor& here, Connection& from, const mqtt::Frame& frame);
[[gnu::noinline]] Result<void> on_disconnect(const OnReactor& here, Connection& from, const mqtt::Frame& frame);
[[gnu::noinline]] Result<void> on_auth(const OnReactor& here, Connection& from, const mqtt::Frame& frame);

}  // namespace bramble
