#pragma once

#include <memory>

#include "broker/net/tls_context.h"
#include "broker/reactor/transport.h"

namespace bramble {

/// TLS on a TCP or Unix socket (non-blocking), which it takes over. OpenSSL reads and writes memory only: so a read or
/// a write of many records is one system call, and what the socket does not take is kept here, encrypted. A connection
/// at rest has no buffer.
std::unique_ptr<Transport> make_tls_transport(std::unique_ptr<Transport> below,
                                              std::shared_ptr<const TlsContext> context);

}  // namespace bramble
