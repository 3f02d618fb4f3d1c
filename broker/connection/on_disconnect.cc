#include "broker/connection/handlers.h"

namespace bramble {

using mqtt::ReasonCode;

Result<void> on_pingreq(const OnReactor&, Connection& from, const mqtt::Frame& frame) {
  if (const auto decoded = mqtt::decode_pingreq(frame); !decoded) return Failure(decoded.error());
  from.send([](std::string& out) { mqtt::append_pingresp(out); });  // [MQTT-3.12.4-1]
  return {};
}

Result<void> on_disconnect(const OnReactor& here, Connection& from, const mqtt::Frame& frame) {
  const auto decoded = mqtt::decode_disconnect(frame, from.version());
  if (!decoded) return Failure(decoded.error());
  if (decoded->session_expiry) {
    if (from.session().expiry_seconds == 0 && *decoded->session_expiry != 0) {
      return protocol_error("a Session Expiry Interval at DISCONNECT after 0 at CONNECT");  // [MQTT-3.14.2-2]
    }
    from.session().expiry_seconds = *decoded->session_expiry;
  }
  from.disconnect(here, decoded->code != ReasonCode::success);
  return {};
}

}  // namespace bramble
