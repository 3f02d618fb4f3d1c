#include "tools/bench/tls_layer.h"

#include <array>
#include <fmt/format.h>
#include <openssl/err.h>

#include "core/base/check.h"

namespace bramble::bench {

namespace {
constexpr std::size_t kRecordBytes = 16 * 1024;
}  // namespace

TlsLayer::TlsLayer(const LayerPlan& plan, SSL_CTX* context)
    : connection_(SSL_new(context)), in_(BIO_new(BIO_s_mem())), out_(BIO_new(BIO_s_mem())) {
  SSL_set_bio(connection_.get(), in_, out_);
  SSL_set_connect_state(connection_.get());
  expect_host(connection_.get(), plan.host, plan.insecure);
}

void TlsLayer::begin(std::string& wire) {
  ERR_clear_error();
  SSL_do_handshake(connection_.get());
  take_records(wire);
}

std::string TlsLayer::receive(std::string_view came, std::string& plain, std::string& wire) {
  BIO_write(in_, came.data(), static_cast<int>(came.size()));
  std::string wrong = read_all(plain);
  take_records(wire);  // an alert too
  return wrong;
}

std::string TlsLayer::read_all(std::string& plain) {
  std::array<char, kRecordBytes> record;
  for (;;) {
    std::size_t got = 0;
    ERR_clear_error();
    const int answer = SSL_read_ex(connection_.get(), record.data(), record.size(), &got);  // shakes hands first
    if (answer != 1) {
      return SSL_get_error(connection_.get(), answer) == SSL_ERROR_WANT_READ ? std::string() : fault();
    }
    plain.append(record.data(), got);
  }
}

std::string TlsLayer::fault() {
  if ((SSL_get_shutdown(connection_.get()) & SSL_RECEIVED_SHUTDOWN) != 0) return "closed by the broker";
  const long verdict = SSL_get_verify_result(connection_.get());
  if (ERR_GET_REASON(ERR_peek_last_error()) == SSL_R_CERTIFICATE_VERIFY_FAILED) {
    ERR_clear_error();
    return fmt::format("TLS: the broker's certificate does not hold: {}; --cafile, or --insecure",
                       X509_verify_cert_error_string(verdict));
  }
  return "TLS: " + last_tls_error();
}

void TlsLayer::send(std::string_view plain, std::string& wire) {
  while (!plain.empty()) {
    std::size_t taken = 0;
    const int answer = SSL_write_ex(connection_.get(), plain.data(), plain.size(), &taken);
    check(answer == 1, "memory takes every record once the handshake is done");
    plain.remove_prefix(taken);
  }
  take_records(wire);
}

void TlsLayer::take_records(std::string& wire) {
  char* bytes = nullptr;
  const long size = BIO_get_mem_data(out_, &bytes);
  wire.append(bytes, static_cast<std::size_t>(size));
  BIO_reset(out_);
}

}  // namespace bramble::bench
