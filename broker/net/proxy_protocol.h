#pragma once

#include <memory>

#include "broker/config/listener_options.h"
#include "broker/reactor/transport.h"

namespace bramble {

/// What a proxy in front of the broker says of its client before anything else, in a PROXY header (HAProxy's, versions
/// 1 and 2): the client's address, and with version 2 whether it came by TLS and with which certificate. A connection
/// that does not begin with one is closed. What a proxy opens for itself (LOCAL, a health check) is somebody without a
/// name at the proxy's address; with proxy_protocol_v2_require_tls it may open and close, and nothing else: it says
/// nothing of TLS, so a packet behind its header closes it.
std::unique_ptr<Transport> make_proxied_transport(std::unique_ptr<Transport> below, const ListenerOptions& listener);

}  // namespace bramble
