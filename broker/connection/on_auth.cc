#include "broker/connection/handlers.h"

namespace bramble {

Result<void> on_auth(const OnReactor&, Connection& from, const mqtt::Frame& frame) {
  const auto decoded = mqtt::decode_auth(frame, from.version());
  if (!decoded) return Failure(decoded.error());
  // A CONNECT with an Authentication Method is refused, so whoever is connected has named none  [MQTT-4.12.0-6]
  return protocol_error("AUTH without an Authentication Method at CONNECT");
}

}  // namespace bramble
