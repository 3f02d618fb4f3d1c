#include "tools/common/tls_client.h"

#include <arpa/inet.h>
#include <cstring>
#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

namespace bramble {

namespace {

tl::unexpected<std::string> wrong(std::string message) { return tl::unexpected<std::string>(std::move(message)); }

bool is_address(const std::string& host) {
  unsigned char scratch[sizeof(in6_addr)];
  return ::inet_pton(AF_INET, host.c_str(), scratch) == 1 || ::inet_pton(AF_INET6, host.c_str(), scratch) == 1;
}

}  // namespace

OrMessage<TlsContext> make_tls_client(const TlsTrust& trust) {
  TlsContext context(SSL_CTX_new(TLS_client_method()));
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_mode(context.get(), SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  if (!trust.cafile.empty() && SSL_CTX_load_verify_file(context.get(), trust.cafile.c_str()) != 1) {
    return wrong(fmt::format("--cafile {} cannot be used: {}; certificates, PEM", trust.cafile, last_tls_error()));
  }
  if (!trust.capath.empty() && SSL_CTX_load_verify_dir(context.get(), trust.capath.c_str()) != 1) {
    return wrong(fmt::format("--capath {} cannot be used: {}; a folder", trust.capath, last_tls_error()));
  }
  if (trust.cafile.empty() && trust.capath.empty()) SSL_CTX_set_default_verify_paths(context.get());
  ERR_clear_error();
  if (trust.certificate.empty()) return context;
  const std::string& key = trust.key.empty() ? trust.certificate : trust.key;
  if (SSL_CTX_use_certificate_chain_file(context.get(), trust.certificate.c_str()) != 1) {
    return wrong(fmt::format("--cert {} cannot be used: {}; a certificate, PEM", trust.certificate, last_tls_error()));
  }
  if (SSL_CTX_use_PrivateKey_file(context.get(), key.c_str(), SSL_FILETYPE_PEM) != 1) {
    return wrong(fmt::format("--key {} cannot be used: {}; the private key of --cert, PEM", key, last_tls_error()));
  }
  return context;
}

void expect_host(SSL* connection, const std::string& host, bool any_host) {
  const bool address = is_address(host);
  if (!address) {  // SSL_set_tlsext_host_name(), whose macro casts in the old style
    SSL_ctrl(connection, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, const_cast<char*>(host.c_str()));
  }
  if (any_host) return;
  if (address) {
    X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(connection), host.c_str());
  } else {
    SSL_set1_host(connection, host.c_str());
  }
}

std::string last_tls_error() {
  const unsigned long error = ERR_peek_last_error();
  ERR_clear_error();
  if (error == 0) return "the other side hung up";
  if (ERR_SYSTEM_ERROR(error)) return std::strerror(ERR_GET_REASON(error));
  const char* const text = ERR_reason_error_string(error);
  return text ? text : fmt::format("OpenSSL error {:x}", error);
}

}  // namespace bramble
