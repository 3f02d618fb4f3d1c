#include <arpa/inet.h>
#include <cerrno>
#include <cstring>
#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include "tools/ctl/stream.h"

namespace bramble::ctl {

namespace {

tl::unexpected<std::string> wrong(std::string message) { return tl::unexpected<std::string>(std::move(message)); }

/// The last thing that OpenSSL has to say, and nothing left behind it.
std::string reason() {
  const unsigned long error = ERR_peek_last_error();
  ERR_clear_error();
  if (error == 0) return "the other side hung up";
  if (ERR_SYSTEM_ERROR(error)) return std::strerror(ERR_GET_REASON(error));
  const char* const text = ERR_reason_error_string(error);
  return text ? text : fmt::format("OpenSSL error {:x}", error);
}

struct FreeTls {
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
  void operator()(SSL* connection) const { SSL_free(connection); }
};
using Context = std::unique_ptr<SSL_CTX, FreeTls>;
using Connection = std::unique_ptr<SSL, FreeTls>;

OrMessage<Context> make_context(const Place& place) {
  Context context(SSL_CTX_new(TLS_client_method()));
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_mode(context.get(), SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  if (!place.cafile.empty() && SSL_CTX_load_verify_file(context.get(), place.cafile.c_str()) != 1) {
    return wrong(fmt::format("--cafile {} cannot be used: {}; certificates, PEM", place.cafile, reason()));
  }
  if (!place.capath.empty() && SSL_CTX_load_verify_dir(context.get(), place.capath.c_str()) != 1) {
    return wrong(fmt::format("--capath {} cannot be used: {}; a folder", place.capath, reason()));
  }
  if (place.cafile.empty() && place.capath.empty()) SSL_CTX_set_default_verify_paths(context.get());
  ERR_clear_error();
  if (place.certificate.empty()) return context;
  const std::string& key = place.key.empty() ? place.certificate : place.key;
  if (SSL_CTX_use_certificate_chain_file(context.get(), place.certificate.c_str()) != 1) {
    return wrong(fmt::format("--cert {} cannot be used: {}; a certificate, PEM", place.certificate, reason()));
  }
  if (SSL_CTX_use_PrivateKey_file(context.get(), key.c_str(), SSL_FILETYPE_PEM) != 1) {
    return wrong(fmt::format("--key {} cannot be used: {}; the private key of --cert, PEM", key, reason()));
  }
  return context;
}

bool is_address(const std::string& host) {
  unsigned char scratch[sizeof(in6_addr)];
  return ::inet_pton(AF_INET, host.c_str(), scratch) == 1 || ::inet_pton(AF_INET6, host.c_str(), scratch) == 1;
}

void ask_for(SSL* connection, const Place& place) {
  const bool address = is_address(place.host);
  if (!address) {  // SSL_set_tlsext_host_name(), whose macro casts in the old style
    SSL_ctrl(connection, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
             const_cast<char*>(place.host.c_str()));
  }
  if (place.insecure) return;
  if (address) {
    X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(connection), place.host.c_str());
  } else {
    SSL_set1_host(connection, place.host.c_str());
  }
}

/// What to do about a certificate that does not hold.
std::string remedy(long verdict) {
  switch (verdict) {
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      return "write the host (-h) as the certificate names it; --insecure does without, and then anybody with a "
             "certificate of the same authority may be the broker";
    case X509_V_ERR_CERT_HAS_EXPIRED:
    case X509_V_ERR_CERT_NOT_YET_VALID: return "the broker needs a new one, or a clock here or there is wrong";
    default: return "--cafile names the certificate of the authority that made it";
  }
}

class Tls : public Stream {
 public:
  Tls(int descriptor, const Place& place, Context context)
      : Stream(descriptor, place.name()), context_(std::move(context)), connection_(SSL_new(context_.get())) {
    SSL_set_fd(connection_.get(), descriptor);
    ask_for(connection_.get(), place);
  }

  ~Tls() override {
    ERR_clear_error();
    SSL_shutdown(connection_.get());  // its last word, if it still goes out
    ERR_clear_error();
  }

  OrMessage<void> shake_hands(SteadyTime until) {
    for (;;) {
      ERR_clear_error();
      const int answer = SSL_connect(connection_.get());
      if (answer == 1) return {};
      const Wants wants = wanted(answer);
      if (wants == Wants::nothing) return wrong(fmt::format("no TLS with {}: {}", name(), why_not()));
      if (!wait(wants, until)) {
        return wrong(fmt::format("no TLS with {}: it does not answer; is that the port for TLS (-p)?", name()));
      }
    }
  }

 private:
  OrMessage<Step> write_some(std::string_view bytes) override {
    std::size_t taken = 0;
    ERR_clear_error();
    const int answer = SSL_write_ex(connection_.get(), bytes.data(), bytes.size(), &taken);
    return done(answer, taken);
  }
  OrMessage<Step> read_some(std::span<char> to) override {
    std::size_t got = 0;
    ERR_clear_error();
    const int answer = SSL_read_ex(connection_.get(), to.data(), to.size(), &got);
    return done(answer, got);
  }

  OrMessage<Step> done(int answer, std::size_t bytes) {
    if (answer == 1) return Step{bytes, Wants::nothing};
    const Wants wants = wanted(answer);
    if (wants != Wants::nothing) return Step{0, wants};
    const bool cut = ERR_GET_REASON(ERR_peek_last_error()) == SSL_R_UNEXPECTED_EOF_WHILE_READING;
    if (cut) ERR_clear_error();
    if (cut || SSL_get_shutdown(connection_.get()) != 0)
      return wrong("the broker closed the connection" + after_alert());
    const std::string why = reason();
    return wrong(fmt::format("the connection to {} broke: {}{}", name(), why, certificate_wanted(why)));
  }

  /// In TLS 1.3 a broker says only after the handshake that it does not like our certificate.
  std::string after_alert() {
    if (ERR_peek_last_error() == 0) return {};
    const std::string why = reason();
    return ": " + why + certificate_wanted(why);
  }
  static std::string certificate_wanted(const std::string& why) {
    return why.find("certificate") == std::string::npos ? "" : "; --cert and --key show the broker who you are";
  }

  Wants wanted(int answer) const {
    switch (SSL_get_error(connection_.get(), answer)) {
      case SSL_ERROR_WANT_READ: return Wants::to_read;
      case SSL_ERROR_WANT_WRITE: return Wants::to_write;
      default: return Wants::nothing;
    }
  }

  std::string why_not() {
    const long verdict = SSL_get_verify_result(connection_.get());
    const unsigned long error = ERR_peek_last_error();
    if (ERR_GET_REASON(error) == SSL_R_CERTIFICATE_VERIFY_FAILED && verdict != X509_V_OK) {
      ERR_clear_error();
      return fmt::format("its certificate does not hold: {}; {}", X509_verify_cert_error_string(verdict),
                         remedy(verdict));
    }
    const int code = ERR_GET_REASON(error);
    const bool no_tls = code == 0 || code == SSL_R_WRONG_VERSION_NUMBER || code == SSL_R_UNEXPECTED_EOF_WHILE_READING;
    const std::string why = reason();
    return why + (no_tls ? "; is that the port for TLS (-p)?" : certificate_wanted(why));
  }

  Context context_;
  Connection connection_;
};

}  // namespace

OrMessage<std::unique_ptr<Stream>> open_tls(int descriptor, const Place& place, SteadyTime until) {
  auto context = make_context(place);
  if (!context) {
    ::close(descriptor);
    return wrong(std::move(context.error()));
  }
  auto stream = std::make_unique<Tls>(descriptor, place, std::move(*context));
  if (auto shaken = stream->shake_hands(until); !shaken) return wrong(std::move(shaken.error()));
  return stream;
}

}  // namespace bramble::ctl
