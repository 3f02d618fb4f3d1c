#include "broker/net/verification.h"

#include <memory>
#include <openssl/bio.h>
#include <openssl/x509.h>
#include <string>
#include <utility>

#include "broker/log/record.h"

namespace bramble {

namespace {

constexpr std::string_view kRefused = "certificate verify failed: ";

void free_text(void*, void* text, CRYPTO_EX_DATA*, int, long, void*) { delete static_cast<std::string*>(text); }

/// Where a connection keeps the text, once a certificate of it was refused.
int place() {
  static const int index = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, &free_text);
  return index;
}

std::string subject_of(const X509* certificate) {
  const std::unique_ptr<BIO, int (*)(BIO*)> memory(BIO_new(BIO_s_mem()), &BIO_free);
  X509_NAME_print_ex(memory.get(), X509_get_subject_name(certificate), 0, XN_FLAG_RFC2253);
  char* text = nullptr;
  const long size = BIO_get_mem_data(memory.get(), &text);
  return size > 0 ? std::string(text, static_cast<std::size_t>(size)) : std::string();
}

}  // namespace

int note_refused_certificate(int good, X509_STORE_CTX* store) {
  if (good == 1) return good;
  auto* const ssl = static_cast<SSL*>(X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
  std::string text(kRefused);
  text += X509_verify_cert_error_string(X509_STORE_CTX_get_error(store));
  if (const X509* const certificate = X509_STORE_CTX_get_current_cert(store)) {
    text += " (" + log::in_sentence(subject_of(certificate)) + ")";
  }
  delete static_cast<std::string*>(SSL_get_ex_data(ssl, place()));
  SSL_set_ex_data(ssl, place(), new std::string(std::move(text)));
  return good;
}

const char* refused_certificate(const SSL* ssl) {
  const auto* const text = static_cast<const std::string*>(SSL_get_ex_data(ssl, place()));
  return text ? text->c_str() : "certificate verify failed";
}

std::string_view without_subject(std::string_view reason) {
  return reason.starts_with(kRefused) ? reason.substr(0, reason.find(" (")) : reason;
}

}  // namespace bramble
