#include <fmt/format.h>
#include <openssl/err.h>
#include <unistd.h>

#include "tools/common/tls_client.h"
#include "tools/ctl/stream.h"

namespace bramble::ctl {

namespace {

tl::unexpected<std::string> wrong(std::string message) { return tl::unexpected<std::string>(std::move(message)); }

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
  Tls(int descriptor, const Place& place, TlsContext context)
      : Stream(descriptor, place.name()), context_(std::move(context)), connection_(SSL_new(context_.get())) {
    SSL_set_fd(connection_.get(), descriptor);
    expect_host(connection_.get(), place.host, place.insecure || place.any_certificate);
    if (place.any_certificate) SSL_set_verify(connection_.get(), SSL_VERIFY_NONE, nullptr);
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
    const std::string why = last_tls_error();
    return wrong(fmt::format("the connection to {} broke: {}{}", name(), why, certificate_wanted(why)));
  }

  /// In TLS 1.3 a broker says only after the handshake that it does not like our certificate.
  std::string after_alert() {
    if (ERR_peek_last_error() == 0) return {};
    const std::string why = last_tls_error();
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
    const std::string why = last_tls_error();
    return why + (no_tls ? "; is that the port for TLS (-p)?" : certificate_wanted(why));
  }

  TlsContext context_;
  TlsConnection connection_;
};

}  // namespace

OrMessage<std::unique_ptr<Stream>> open_tls(int descriptor, const Place& place, SteadyTime until) {
  auto context = make_tls_client(place.trust);
  if (!context) {
    ::close(descriptor);
    return wrong(std::move(context.error()));
  }
  auto stream = std::make_unique<Tls>(descriptor, place, std::move(*context));
  if (auto shaken = stream->shake_hands(until); !shaken) return wrong(std::move(shaken.error()));
  return stream;
}

}  // namespace bramble::ctl
