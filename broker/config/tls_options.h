#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "broker/config/option_row.h"

namespace bramble {

/// The oldest TLS that a listener speaks.
enum class TlsVersion : std::uint8_t { tls1_2, tls1_3 };

/// TLS of one listener. Rows below.
struct TlsOptions {
  std::vector<std::string> certfile;  ///< with as many keyfiles: the last, and those before it for other host names
  std::vector<std::string> keyfile;
  std::string cafile;
  std::string capath;
  bool require_certificate = false;
  std::string crlfile;
  bool disable_client_cert_date_checks = false;
  bool use_identity_as_username = false;
  bool use_subject_as_username = false;
  std::string ciphers;
  std::string ciphers_tls1_3;
  std::string tls_curves;
  TlsVersion tls_version = TlsVersion::tls1_2;
  std::string dhparamfile;
  std::string psk_hint;

  bool on() const { return !certfile.empty() || !psk_hint.empty(); }
  bool operator==(const TlsOptions&) const = default;
};

std::string read_tls_version(TlsOptions& options, std::string_view value);
std::string show_tls_version(const TlsOptions& options);

inline constexpr OptionRow<TlsOptions> kTlsOptions[] = {
    {"certfile", &TlsOptions::certfile, Reload::at_once,
     "The server's certificate with its chain, PEM. Switches TLS on, with keyfile. Of several, each with its keyfile, "
     "a client is served the last that has the host name it asks for (SNI), and the last of all if it asks for none "
     "of theirs; Bramble's own."},
    {"keyfile", &TlsOptions::keyfile, Reload::at_once,
     "The certificate's private key, PEM. If it is encrypted its passphrase is asked for at the start."},
    {"cafile", &TlsOptions::cafile, Reload::at_once, "Authorities that client certificates are checked with, PEM."},
    {"capath", &TlsOptions::capath, Reload::at_once,
     "The same as a folder of PEM files that `openssl rehash` has gone over."},
    {"require_certificate", &TlsOptions::require_certificate, Reload::new_connections,
     "Clients must show a certificate that cafile or capath vouches for."},
    {"crlfile", &TlsOptions::crlfile, Reload::at_once, "Certificates that are revoked, PEM."},
    {"disable_client_cert_date_checks", &TlsOptions::disable_client_cert_date_checks, Reload::new_connections,
     "Take client certificates that are not valid yet, or not any more."},
    {"use_identity_as_username", &TlsOptions::use_identity_as_username, Reload::new_connections,
     "The user is the Common Name of the client's certificate, or its PSK identity; no password is asked for."},
    {"use_subject_as_username", &TlsOptions::use_subject_as_username, Reload::new_connections,
     "The user is the whole subject of the client's certificate, as RFC 2253 writes it."},
    {"ciphers", &TlsOptions::ciphers, Reload::at_once, "Ciphers of TLS 1.2, as OpenSSL lists them."},
    {"ciphers_tls1.3", &TlsOptions::ciphers_tls1_3, Reload::at_once,
     "Cipher suites of TLS 1.3, as OpenSSL lists them."},
    {"tls_curves", &TlsOptions::tls_curves, Reload::at_once,
     "Groups of the key exchange, as OpenSSL lists them: X25519:P-256. Bramble's own."},
    {"tls_version", Special<TlsOptions>{read_tls_version, show_tls_version, copy_fields<&TlsOptions::tls_version>},
     Reload::at_once, "The lowest version of TLS: tlsv1.2 or tlsv1.3."},
    {"dhparamfile", &TlsOptions::dhparamfile, Reload::at_once,
     "Diffie-Hellman parameters, PEM, for ciphers that use them. Not given: OpenSSL's own."},
    {"psk_hint", &TlsOptions::psk_hint, Reload::at_once,
     "Switches TLS by pre-shared keys on, with this hint; psk_file holds the keys."},
};

}  // namespace bramble
