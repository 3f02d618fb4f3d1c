#pragma once

#include <memory>

#include "broker/net/listener_rules.h"
#include "broker/reactor/transport.h"

namespace bramble {

/// MQTT in a WebSocket (section 6), on TCP or TLS: first the HTTP request that opens it, which may instead ask for a
/// file of http_dir; then frames. Pings and the close are answered between our frames; one write is one frame.
/// `head_bytes_max`: of that request.
std::unique_ptr<Transport> make_websocket_transport(std::unique_ptr<Transport> below,
                                                    std::shared_ptr<const ListenerRules> rules,
                                                    std::size_t head_bytes_max);

}  // namespace bramble
