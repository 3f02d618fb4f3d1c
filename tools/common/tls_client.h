#pragma once

#include <memory>
#include <openssl/ssl.h>
#include <string>

#include "core/base/result.h"

/// The client's side of TLS (1.2 and 1.3), as far as our tools share it.
namespace bramble {

/// Whom a client believes, and who it says that it is. Files are PEM.
struct TlsTrust {
  std::string cafile;  ///< neither this nor capath: the system's authorities
  std::string capath;
  std::string certificate;  ///< of our own; empty: none
  std::string key;          ///< empty: it is in the certificate's file
};

struct FreeTls {
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
  void operator()(SSL* connection) const { SSL_free(connection); }
};
using TlsContext = std::unique_ptr<SSL_CTX, FreeTls>;
using TlsConnection = std::unique_ptr<SSL, FreeTls>;

/// Errors: a line that names the option and the file.
OrMessage<TlsContext> make_tls_client(const TlsTrust& trust);

/// The certificate has to be for `host`, a name or an address; with `any_host` only of an authority that is believed.
void expect_host(SSL* connection, const std::string& host, bool any_host);

/// The last thing that OpenSSL has to say, in words; nothing is left behind it.
std::string last_tls_error();

}  // namespace bramble
