#pragma once

#include <openssl/ssl.h>
#include <string_view>

namespace bramble {

/// Why a client's certificate was not taken, and whose it says it is: OpenSSL forgets the certificate with its refusal.
/// Threads: those of the connection.

/// For SSL_CTX_set_verify: decides nothing.
int note_refused_certificate(int good, X509_STORE_CTX* store);

/// "certificate verify failed: certificate revoked (CN=pump,O=Works)", fit for a sentence (log::in_sentence). The name
/// is what the certificate says: a stranger may have made it. Lives as long as `ssl`.
const char* refused_certificate(const SSL* ssl);

/// What of the log's reasons is alike: without whose certificate it was, so that who shows a new name each time makes
/// no new reason each time. Other reasons stay as they are.
std::string_view without_subject(std::string_view reason);

}  // namespace bramble
