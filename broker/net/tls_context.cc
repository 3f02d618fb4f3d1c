#include "broker/net/tls_context.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fmt/format.h>
#include <map>
#include <openssl/decoder.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sstream>
#include <sys/stat.h>
#include <unordered_map>
#include <vector>

#include "broker/config/config_file.h"
#include "broker/net/verification.h"

namespace bramble {

namespace {

struct FreeContext {
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};
using Context = std::unique_ptr<SSL_CTX, FreeContext>;
using Keys = std::unordered_map<std::string, std::vector<unsigned char>>;

std::FILE* key_log = nullptr;  // set before any context is made

/// What OpenSSL has to say, and nothing left behind it: what the system said to it, else the first of its errors, which
/// names the cause.
std::string reason() {
  int system_error = 0;
  const unsigned long first = ERR_peek_error();
  while (const unsigned long error = ERR_get_error()) {
    if (system_error == 0 && ERR_SYSTEM_ERROR(error)) system_error = ERR_GET_REASON(error);
  }
  if (system_error == EACCES) return "Permission denied to the account that the broker runs as (chown, chmod)";
  if (system_error != 0) return std::strerror(system_error);
  if (first == 0) return "OpenSSL gives no reason";
  const char* const text = ERR_reason_error_string(first);
  return text ? text : fmt::format("OpenSSL error {:x}", first);
}

using Wrong = tl::unexpected<std::string>;

Wrong wrong(const Config& config, const char* option, const std::string& file, const std::string& why) {
  return Wrong(fmt::format("{}{}: {}", config.at(option, file), file, why));
}

/// Passphrases that were given at the start, by key file.
std::map<std::string, std::string>& passphrases() {
  static std::map<std::string, std::string> all;
  return all;
}

/// Of the key file that is being read.
struct Passphrase {
  const std::string& file;
  LockedKeys locked;
  enum { not_wanted, not_asked, nobody_to_ask, given } state = not_wanted;
};

int ask_passphrase(char* to, int size, int, void* wanted) {
  auto& [file, locked, state] = *static_cast<Passphrase*>(wanted);
  state = locked == LockedKeys::leave ? Passphrase::not_asked : Passphrase::given;
  if (locked == LockedKeys::leave) return -1;
  if (const auto known = passphrases().find(file); known != passphrases().end()) {
    const int bytes = std::min(size, static_cast<int>(known->second.size()));
    std::memcpy(to, known->second.data(), static_cast<std::size_t>(bytes));
    return bytes;
  }
  const std::string prompt = "Passphrase of " + file + ": ";
  if (locked == LockedKeys::open_known || EVP_read_pw_string(to, size, prompt.c_str(), 0) != 0) {
    state = Passphrase::nobody_to_ask;
    return -1;
  }
  passphrases()[file] = to;
  return static_cast<int>(std::strlen(to));
}

std::string why_no_key(const Passphrase& passphrase) {
  const std::string why = reason();
  switch (passphrase.state) {
    case Passphrase::not_wanted:
    case Passphrase::not_asked: break;
    case Passphrase::given: return "is encrypted, and the passphrase does not open it";
    case Passphrase::nobody_to_ask:
      return "is encrypted, and nobody can be asked for its passphrase: start the broker in a terminal, or give it the "
             "key without one (openssl pkey)";
  }
  return "cannot be used: " + why + "; the certificate's private key, PEM";
}

OrMessage<void> load_certificate(SSL_CTX* context, const Config& config, const std::string& certfile,
                                 const std::string& keyfile, LockedKeys locked, std::vector<std::string>* left) {
  if (SSL_CTX_use_certificate_chain_file(context, certfile.c_str()) != 1) {
    return wrong(config, "certfile", certfile, "cannot be used: " + reason() + "; a certificate and its chain, PEM");
  }
  SSL_CTX_set_default_passwd_cb(context, &ask_passphrase);
  Passphrase passphrase{keyfile, locked};
  SSL_CTX_set_default_passwd_cb_userdata(context, &passphrase);
  const bool loaded = SSL_CTX_use_PrivateKey_file(context, keyfile.c_str(), SSL_FILETYPE_PEM) == 1;
  SSL_CTX_set_default_passwd_cb_userdata(context, nullptr);
  if (passphrase.state == Passphrase::not_asked) {
    ERR_clear_error();
    if (left) left->push_back(config.at("keyfile", keyfile) + keyfile + " is encrypted, so it was not read");
    return {};
  }
  if (!loaded) return wrong(config, "keyfile", keyfile, why_no_key(passphrase));
  if (SSL_CTX_check_private_key(context) != 1) {
    return wrong(config, "keyfile", keyfile, "is not the key of " + certfile);
  }
  return {};
}

OrMessage<void> load_revocations(SSL_CTX* context, const Config& config, const TlsOptions& options) {
  if (options.crlfile.empty()) return {};
  X509_STORE* const store = SSL_CTX_get_cert_store(context);
  X509_LOOKUP* const lookup = X509_STORE_add_lookup(store, X509_LOOKUP_file());
  if (!lookup || X509_load_crl_file(lookup, options.crlfile.c_str(), X509_FILETYPE_PEM) < 1) {
    return wrong(config, "crlfile", options.crlfile, "cannot be used: " + reason() + "; a revocation list, PEM");
  }
  X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK);
  return {};
}

OrMessage<void> load_authorities(SSL_CTX* context, const Config& config, const TlsOptions& options) {
  if (!options.cafile.empty()) {
    if (SSL_CTX_load_verify_file(context, options.cafile.c_str()) != 1) {
      return wrong(config, "cafile", options.cafile, "cannot be used: " + reason() + "; certificates, PEM");
    }
    SSL_CTX_set_client_CA_list(context, SSL_load_client_CA_file(options.cafile.c_str()));
  }
  std::error_code unknown;
  if (!options.capath.empty() && !std::filesystem::is_directory(options.capath, unknown)) {
    return wrong(config, "capath", options.capath, "is no folder that can be read; check the path");
  }
  if (!options.capath.empty() && SSL_CTX_load_verify_dir(context, options.capath.c_str()) != 1) {
    return wrong(config, "capath", options.capath, "cannot be used: " + reason() + "; a folder");
  }
  ERR_clear_error();
  return load_revocations(context, config, options);
}

OrMessage<void> load_parameters(SSL_CTX* context, const Config& config, const TlsOptions& options) {
  if (!options.ciphers.empty() && SSL_CTX_set_cipher_list(context, options.ciphers.c_str()) != 1) {
    return wrong(config, "ciphers", options.ciphers, "names no cipher that OpenSSL has; `openssl ciphers` lists them");
  }
  // a pre-shared key goes with SHA-256 only; with another suite chosen, the certificate would take its place
  const std::string suites = !options.ciphers_tls1_3.empty() ? options.ciphers_tls1_3
                             : !options.psk_hint.empty()
                                 ? "TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_256_GCM_SHA384"
                                 : "";
  if (!suites.empty() && SSL_CTX_set_ciphersuites(context, suites.c_str()) != 1) {
    return wrong(config, "ciphers_tls1.3", options.ciphers_tls1_3,
                 "names a suite that OpenSSL does not have; `openssl ciphers -tls1_3 -s` lists them");
  }
  if (!options.tls_curves.empty() && SSL_CTX_set1_groups_list(context, options.tls_curves.c_str()) != 1) {
    return wrong(config, "tls_curves", options.tls_curves, "names a group that OpenSSL does not have: X25519:P-256");
  }
  if (options.dhparamfile.empty()) {
    SSL_CTX_set_dh_auto(context, 1);
    return {};
  }
  const std::unique_ptr<BIO, int (*)(BIO*)> file(BIO_new_file(options.dhparamfile.c_str(), "r"), &BIO_free);
  EVP_PKEY* const parameters = file ? PEM_read_bio_Parameters(file.get(), nullptr) : nullptr;
  if (!parameters || SSL_CTX_set0_tmp_dh_pkey(context, parameters) != 1) {
    const std::string why = reason();
    EVP_PKEY_free(parameters);
    return wrong(config, "dhparamfile", options.dhparamfile,
                 "cannot be used: " + why + "; `openssl dhparam -out FILE 2048` makes one");
  }
  return {};
}

/// OpenSSL would wait for somebody to write into it.
OrMessage<void> no_pipes(const Config& config, const TlsOptions& options) {
  std::vector<std::pair<const char*, std::string>> files{
      {"cafile", options.cafile}, {"crlfile", options.crlfile}, {"dhparamfile", options.dhparamfile}};
  for (const auto& file : options.certfile) files.emplace_back("certfile", file);
  for (const auto& file : options.keyfile) files.emplace_back("keyfile", file);
  std::error_code unknown;
  for (const auto& [option, file] : files) {
    if (std::filesystem::is_fifo(file, unknown)) return wrong(config, option, file, "is a pipe; name a file");
  }
  return {};
}

int hex_digit(char letter) {
  if (letter >= '0' && letter <= '9') return letter - '0';
  if (letter >= 'a' && letter <= 'f') return letter - 'a' + 10;
  if (letter >= 'A' && letter <= 'F') return letter - 'A' + 10;
  return -1;
}

constexpr std::size_t kKeyBytesMax = 512;

/// Errors: what is wrong with the line.
std::string read_key(Keys& keys, const std::string& line) {
  const auto colon = line.find(':');
  if (colon == std::string::npos || colon == 0) return "is not identity:key";
  const std::string_view text = std::string_view(line).substr(colon + 1);
  if (text.empty() || text.size() % 2 != 0 || text.size() > 2 * kKeyBytesMax) {
    return "the key is not an even number of hexadecimal digits, at most 1024";
  }
  std::vector<unsigned char> key;
  for (std::size_t i = 0; i < text.size(); i += 2) {
    const int high = hex_digit(text[i]), low = hex_digit(text[i + 1]);
    if (high < 0 || low < 0) return "the key is not hexadecimal";
    key.push_back(static_cast<unsigned char>(high << 4 | low));
  }
  if (!keys.emplace(line.substr(0, colon), std::move(key)).second) return "the identity stands there twice";
  return {};
}

OrMessage<Keys> load_keys(const Config& config, const std::string& path) {
  auto text = read_text_file(path);
  if (!text) return Wrong(config.at("psk_file", path) + path + text.error());
  if (text->starts_with(kByteOrderMark)) text->erase(0, kByteOrderMark.size());
  Keys keys;
  std::istringstream lines(*text);
  std::string line;
  for (std::size_t number = 1; std::getline(lines, line); ++number) {
    while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.pop_back();
    if (line.empty() || line.front() == '#') continue;
    if (const std::string why = read_key(keys, line); !why.empty()) {
      return Wrong(fmt::format("{}:{}: {}", path, number, why));
    }
  }
  return keys;
}

/// A ticket outlives nobody's certificate: who comes with one whose certificate has expired meanwhile has to show it
/// again, and is told so.
SSL_TICKET_RETURN take_ticket(SSL*, SSL_SESSION* session, const unsigned char*, std::size_t, SSL_TICKET_STATUS status,
                              void*) {
  if (status != SSL_TICKET_SUCCESS && status != SSL_TICKET_SUCCESS_RENEW) return SSL_TICKET_RETURN_IGNORE_RENEW;
  const X509* const certificate = SSL_SESSION_get0_peer(session);
  if (!certificate || X509_cmp_current_time(X509_get0_notAfter(certificate)) < 0) {
    return SSL_TICKET_RETURN_IGNORE_RENEW;
  }
  return status == SSL_TICKET_SUCCESS ? SSL_TICKET_RETURN_USE : SSL_TICKET_RETURN_USE_RENEW;
}

void write_key_line(const SSL*, const char* line) {
  std::fprintf(key_log, "%s\n", line);
  std::fflush(key_log);
}

}  // namespace

struct TlsContext::Parts {
  std::vector<Context>
      contexts;  // one a certificate, the last that was given first: it serves who asks for no name of the others
  Keys keys;

  static int choose_certificate(SSL* ssl, int*, void* self);
  static unsigned find_key(SSL* ssl, const char* identity, unsigned char* to, unsigned size);
  static int choose_protocol(SSL*, const unsigned char** chosen, unsigned char* chosen_size,
                             const unsigned char* offered, unsigned offered_size, void* listener_protocol);
};

int TlsContext::Parts::choose_certificate(SSL* ssl, int*, void* self) {
  const char* const name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
  if (!name) return SSL_TLSEXT_ERR_NOACK;
  for (const Context& context : static_cast<Parts*>(self)->contexts) {
    X509* const certificate = SSL_CTX_get0_certificate(context.get());
    if (!certificate || X509_check_host(certificate, name, 0, 0, nullptr) != 1) continue;
    if (SSL_get_SSL_CTX(ssl) != context.get()) SSL_set_SSL_CTX(ssl, context.get());
    return SSL_TLSEXT_ERR_OK;
  }
  return SSL_TLSEXT_ERR_NOACK;
}

unsigned TlsContext::Parts::find_key(SSL* ssl, const char* identity, unsigned char* to, unsigned size) {
  const auto* const self = static_cast<const Parts*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
  const auto key = self->keys.find(identity ? identity : "");
  if (key == self->keys.end() || key->second.size() > size) return 0;
  std::memcpy(to, key->second.data(), key->second.size());
  static_cast<std::string*>(SSL_get_app_data(ssl))->assign(identity);  // TLS 1.3 does not keep it
  return static_cast<unsigned>(key->second.size());
}

int TlsContext::Parts::choose_protocol(SSL*, const unsigned char** chosen, unsigned char* chosen_size,
                                       const unsigned char* offered, unsigned offered_size, void* ours) {
  const auto* const name = static_cast<const std::string_view*>(ours);
  for (unsigned at = 0; at < offered_size; at += 1u + offered[at]) {
    if (at + 1u + offered[at] > offered_size) break;
    if (std::string_view(reinterpret_cast<const char*>(offered + at + 1), offered[at]) != *name) continue;
    *chosen = offered + at + 1;
    *chosen_size = offered[at];
    return SSL_TLSEXT_ERR_OK;
  }
  return SSL_TLSEXT_ERR_NOACK;
}

TlsContext::TlsContext(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
TlsContext::~TlsContext() = default;
SSL_CTX* TlsContext::first() const { return parts_->contexts.front().get(); }

bool TlsContext::log_keys_to(const std::string& path) {
  const ::mode_t mask = ::umask(077);  // who has it can read everything
  key_log = std::fopen(path.c_str(), "ae");
  ::umask(mask);
  return key_log != nullptr;
}

OrMessage<void> TlsContext::check_keys(const Config& config, const std::string& path) {
  const auto keys = load_keys(config, path);
  return keys ? OrMessage<void>() : Wrong(keys.error());
}

OrMessage<std::shared_ptr<const TlsContext>> TlsContext::make(const Config& config, const ListenerOptions& listener,
                                                              LockedKeys locked, std::vector<std::string>* left) {
  static constexpr std::string_view kMqtt = "mqtt", kHttp = "http/1.1";
  const TlsOptions& options = listener.tls;
  auto parts = std::make_unique<Parts>();
  if (auto done = no_pipes(config, options); !done) return Wrong(done.error());
  ERR_clear_error();
  for (std::size_t last = std::max<std::size_t>(options.certfile.size(), 1); last > 0; --last) {
    SSL_CTX* const context = parts->contexts.emplace_back(SSL_CTX_new(TLS_server_method())).get();
    SSL_CTX_set_min_proto_version(context, options.tls_version == TlsVersion::tls1_3 ? TLS1_3_VERSION : TLS1_2_VERSION);
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE |
                                     SSL_OP_PRIORITIZE_CHACHA | SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_clear_mode(context, SSL_MODE_AUTO_RETRY);  // or one SSL_read goes through all there is, if that is no data
    SSL_CTX_set_mode(context,
                     SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_app_data(context, parts.get());
    const unsigned char id[] = "bramble";
    SSL_CTX_set_session_id_context(context, id, sizeof id - 1);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);  // tickets need no memory here
    SSL_CTX_set_num_tickets(context, 1);
    SSL_CTX_set_alpn_select_cb(context, &Parts::choose_protocol,
                               const_cast<std::string_view*>(listener.protocol == Protocol::mqtt ? &kMqtt : &kHttp));
    if (key_log) SSL_CTX_set_keylog_callback(context, &write_key_line);
    if (!options.certfile.empty()) {
      const std::string &certfile = options.certfile[last - 1], &keyfile = options.keyfile[last - 1];
      if (auto done = load_certificate(context, config, certfile, keyfile, locked, left); !done) {
        return Wrong(done.error());
      }
    }
    if (auto done = load_authorities(context, config, options); !done) return Wrong(done.error());
    if (auto done = load_parameters(context, config, options); !done) return Wrong(done.error());
    if (options.require_certificate) {
      SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, &note_refused_certificate);
      if (options.disable_client_cert_date_checks) {
        X509_STORE_set_flags(SSL_CTX_get_cert_store(context), X509_V_FLAG_NO_CHECK_TIME);
      } else {
        SSL_CTX_set_session_ticket_cb(context, nullptr, &take_ticket, nullptr);
      }
    }
    if (!options.psk_hint.empty()) {
      SSL_CTX_use_psk_identity_hint(context, options.psk_hint.c_str());
      SSL_CTX_set_psk_server_callback(context, &Parts::find_key);
      SSL_CTX_set_options(context, SSL_OP_NO_TICKET);  // a resumed session would not say whose it is
      SSL_CTX_set_num_tickets(context, 0);
    }
  }
  if (!options.psk_hint.empty()) {
    auto keys = load_keys(config, listener.auth.psk_file);
    if (!keys) return Wrong(keys.error());
    parts->keys = std::move(*keys);
  }
  SSL_CTX_callback_ctrl(parts->contexts.front().get(), SSL_CTRL_SET_TLSEXT_SERVERNAME_CB,
                        reinterpret_cast<void (*)()>(&Parts::choose_certificate));
  SSL_CTX_set_tlsext_servername_arg(parts->contexts.front().get(), parts.get());
  return std::shared_ptr<const TlsContext>(new TlsContext(std::move(parts)));
}

}  // namespace bramble
