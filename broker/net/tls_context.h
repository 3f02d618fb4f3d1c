#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "broker/config/config.h"

using SSL_CTX = struct ssl_ctx_st;

namespace bramble {

/// What is done about key files that need a passphrase.
enum class LockedKeys : std::uint8_t {
  ask,         ///< it is asked for in the terminal
  open_known,  ///< if it was given before: a broker that runs has nobody to ask
  leave,       ///< they are not read
};

/// Certificates, keys, authorities and rules of one listener's TLS, as its files said when it was made. A reload makes
/// another; connections keep the one they began with.
/// Threads: made by main; then read by all.
class TlsContext {
 public:
  /// Keys that are not read are named in `left`.
  /// Errors: FILE:LINE: option: what OpenSSL has against the file, and what to do.
  static OrMessage<std::shared_ptr<const TlsContext>> make(const Config& config, const ListenerOptions& listener,
                                                           LockedKeys locked, std::vector<std::string>* left);
  /// Could it be the psk_file of a listener? Errors: as make.
  static OrMessage<void> check_keys(const Config& config, const std::string& path);
  ~TlsContext();
  TlsContext(const TlsContext&) = delete;

  /// What a connection begins with. The SSL made of it has as app data the std::string to put the PSK identity in.
  SSL_CTX* first() const;

  /// Every session's keys are written to this file, for those who look for a fault with Wireshark. Main, before make().
  /// False: it cannot be written; errno says why.
  static bool log_keys_to(const std::string& path);

 private:
  struct Parts;
  explicit TlsContext(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace bramble
