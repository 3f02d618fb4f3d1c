#include "broker/net/tls.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "broker/net/verification.h"
#include "core/base/check.h"

namespace bramble {

namespace {

constexpr std::size_t kRawRead = 64 * 1024;
constexpr std::size_t kRecord = 16 * 1024;
constexpr std::size_t kRawWrite = 96 * 1024;    // written at once, at most; more waits for the next write
constexpr std::size_t kKeptMax = 64 * 1024;     // encrypted and not taken by the socket: no more is encrypted then
constexpr std::size_t kAnswersMax = 16 * 1024;  // of TLS itself, that its client does not read
constexpr std::size_t kBytesARecord = 1024;     // so many records are decrypted in one read, of the size asked for
constexpr std::size_t kBarren = 32;             // records that one without data counts for: a new key takes 24 us
constexpr std::uint32_t kDeliveriesARecord = 4;

/// Bytes between OpenSSL and the socket, of the read or write at hand. One a thread: what outlasts it is kept in the
/// transport.
struct Raw {
  std::array<char, kRawRead> in;
  std::array<char, kRecord> plain;
  std::string out;
};
Raw& raw() {
  thread_local Raw buffers;
  return buffers;
}

struct FreeSsl {
  void operator()(SSL* ssl) const { SSL_free(ssl); }
};

class TlsTransport final : public Transport {
 public:
  TlsTransport(std::unique_ptr<Transport> below, std::shared_ptr<const TlsContext> context);

  int descriptor() const override { return below_->descriptor(); }
  Moved read(char* to, std::size_t size) override;
  Moved write(std::span<const iovec> pieces) override;
  void finish() override;
  std::string peer() const override { return below_->peer(); }
  std::string kind() const override { return below_->kind() == "unix" ? "unix+tls" : "tls"; }
  ProvenIdentity identity() const override;
  const char* fault() const override { return *fault_ != '\0' ? fault_ : below_->fault(); }

  static BIO_METHOD* method();

 private:
  static int take(BIO* bio, char* to, int size);
  static int give(BIO* bio, const char* from, int size);
  static long control(BIO* bio, int command, long number, void*);

  /// Bytes that came, from in_ or the socket: one system call for each call of read().
  int take_raw(char* to, int size);
  /// Writes what OpenSSL has given since; keeps what the socket does not take. False: it is closed.
  bool send_raw();
  /// As many records as one read may, until there are `size` bytes.
  Moved decrypt(char* to, std::size_t size);
  /// A client that makes TLS answer again and again, and does not read that.
  bool answers_pile_up(std::size_t more);
  /// What SSL_read or SSL_write ended with, other than success.
  State ended(int result);
  void keep_rest_of_input();
  /// The client has the key of psk_identity_, and did not only say so.
  bool key_proven() const;

  std::unique_ptr<Transport> below_;
  std::shared_ptr<const TlsContext> context_;
  std::unique_ptr<SSL, FreeSsl> ssl_;
  std::string_view in_;       ///< in raw().in, while read() runs
  std::string kept_in_;       ///< encrypted, for the next read
  std::string kept_out_;      ///< encrypted, for the next write
  std::size_t answers_ = 0;   ///< bytes of TLS's own since the socket last took all
  bool may_receive_ = false;  ///< this read() has not asked the socket yet
  State input_ = State::open;
  std::string psk_identity_;  ///< of a key that the client has offered; set by TlsContext
  const char* fault_ = "";
};

BIO_METHOD* TlsTransport::method() {
  static BIO_METHOD* const method = [] {
    BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "connection");
    BIO_meth_set_read(made, &take);
    BIO_meth_set_write(made, &give);
    BIO_meth_set_ctrl(made, &control);
    return made;
  }();
  return method;
}

TlsTransport::TlsTransport(std::unique_ptr<Transport> below, std::shared_ptr<const TlsContext> context)
    : below_(std::move(below)), context_(std::move(context)), ssl_(SSL_new(context_->first())) {
  BIO* const bio = ssl_ ? BIO_new(method()) : nullptr;
  check(bio != nullptr, "memory for a TLS connection");
  BIO_set_data(bio, this);
  BIO_set_init(bio, 1);
  SSL_set_bio(ssl_.get(), bio, bio);
  SSL_set_accept_state(ssl_.get());
  SSL_set_app_data(ssl_.get(), &psk_identity_);
  established_ = false;
}

int TlsTransport::take(BIO* bio, char* to, int size) {
  BIO_clear_retry_flags(bio);
  auto& self = *static_cast<TlsTransport*>(BIO_get_data(bio));
  const int taken = self.take_raw(to, size);
  if (taken < 0) BIO_set_retry_read(bio);
  return taken;
}

int TlsTransport::give(BIO* bio, const char* from, int size) {
  BIO_clear_retry_flags(bio);
  raw().out.append(from, static_cast<std::size_t>(size));
  return size;
}

long TlsTransport::control(BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH ? 1 : 0; }

int TlsTransport::take_raw(char* to, int size) {
  if (in_.empty() && std::exchange(may_receive_, false)) {
    const Moved moved = below_->read(raw().in.data(), raw().in.size());
    input_ = moved.state;
    in_ = {raw().in.data(), moved.bytes};
  }
  if (in_.empty()) return input_ == State::closed ? 0 : -1;
  const std::size_t taken = std::min(in_.size(), static_cast<std::size_t>(size));
  std::memcpy(to, in_.data(), taken);
  in_.remove_prefix(taken);
  return static_cast<int>(taken);
}

void TlsTransport::keep_rest_of_input() {
  std::string rest(in_);  // in_ may lie in kept_in_
  kept_in_ = std::move(rest);
  if (kept_in_.empty()) kept_in_.shrink_to_fit();
  in_ = {};
}

Transport::State TlsTransport::ended(int result) {
  switch (SSL_get_error(ssl_.get(), result)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE: return State::would_block;
    case SSL_ERROR_SSL: {
      const unsigned long error = ERR_peek_error();
      const char* const text = ERR_reason_error_string(error);
      if (input_ != State::closed || established_) fault_ = text ? text : "breaks the rules of TLS";
      if (ERR_GET_REASON(error) == SSL_R_CERTIFICATE_VERIFY_FAILED) fault_ = refused_certificate(ssl_.get());
      ERR_clear_error();
      return State::closed;
    }
    default: ERR_clear_error(); return State::closed;
  }
}

Transport::Moved TlsTransport::read(char* to, std::size_t size) {
  std::string before = std::move(kept_in_);
  kept_in_.clear();
  in_ = before;
  may_receive_ = in_.empty();
  input_ = State::open;
  Moved moved = decrypt(to, size);
  keep_rest_of_input();
  const std::size_t answers = established_ ? raw().out.size() : 0;
  established_ = established_ || SSL_is_init_finished(ssl_.get()) == 1;
  const bool ended_behind = moved.state == State::closed && moved.bytes != 0;  // nothing more need come to show it
  unseen_ = ended_behind || (moved.state == State::open && (!kept_in_.empty() || SSL_pending(ssl_.get()) > 0));
  if (!send_raw() && moved.bytes == 0) moved.state = State::closed;
  if (moved.bytes != 0) moved.state = State::open;  // a close shows in the next read
  if (answers_pile_up(answers)) return {0, State::closed};
  return moved;
}

Transport::Moved TlsTransport::decrypt(char* to, std::size_t size) {
  const std::size_t most = std::max<std::size_t>(size / kBytesARecord, 1);
  std::size_t records = 0;
  Moved moved;
  ERR_clear_error();
  while (moved.bytes < size && records < most) {
    const int room = static_cast<int>(std::min<std::size_t>(size - moved.bytes, 1 << 20));
    const int got = SSL_read(ssl_.get(), to + moved.bytes, room);
    ++records;
    if (got > 0) {
      moved.bytes += static_cast<std::size_t>(got);
      continue;
    }
    const State state = ended(got);
    if (state != State::would_block || in_.empty()) {
      moved.state = state;
      break;
    }
    records += kBarren;
  }
  moved.effort = static_cast<std::uint32_t>(records) * kDeliveriesARecord;
  return moved;
}

bool TlsTransport::answers_pile_up(std::size_t more) {
  answers_ = kept_out_.empty() ? 0 : answers_ + more;
  if (answers_ <= kAnswersMax) return false;
  fault_ = "does not read what TLS answers it";
  return true;
}

bool TlsTransport::send_raw() {
  std::string& out = raw().out;
  if (!kept_out_.empty()) {
    kept_out_ += out;
    out.clear();
  }
  const std::string_view all = kept_out_.empty() ? std::string_view(out) : std::string_view(kept_out_);
  if (all.empty()) return true;
  const iovec piece{const_cast<char*>(all.data()), all.size()};
  const Moved moved = below_->write({&piece, 1});
  if (kept_out_.empty()) {
    kept_out_.assign(all.substr(moved.bytes));
    out.clear();
  } else {
    kept_out_.erase(0, moved.bytes);
  }
  if (kept_out_.empty()) kept_out_.shrink_to_fit();
  wants_write_ = !kept_out_.empty();
  return moved.state != State::closed;
}

Transport::Moved TlsTransport::write(std::span<const iovec> pieces) {
  Moved moved;
  ERR_clear_error();
  if (!send_raw()) return {0, State::closed};
  if (pieces.empty()) return moved;
  if (kept_out_.size() > kKeptMax) return {0, State::would_block};
  std::size_t total = 0, taken = 0, piece = 0, offset = 0;
  for (const iovec& each : pieces) total += each.iov_len;
  while (taken < total && raw().out.size() < kRawWrite) {
    // a record from one piece, or from several small ones
    const char* from = static_cast<const char*>(pieces[piece].iov_base) + offset;
    std::size_t size = std::min(pieces[piece].iov_len - offset, kRecord);
    if (size < kRecord && taken + size < total) {
      size = 0;
      for (std::size_t p = piece, o = offset; p < pieces.size() && size < kRecord; ++p, o = 0) {
        const std::size_t step = std::min(pieces[p].iov_len - o, kRecord - size);
        std::memcpy(raw().plain.data() + size, static_cast<const char*>(pieces[p].iov_base) + o, step);
        size += step;
      }
      from = raw().plain.data();
    }
    const int given = SSL_write(ssl_.get(), from, static_cast<int>(size));
    if (given <= 0) {
      moved.state = ended(given);
      break;
    }
    taken += static_cast<std::size_t>(given);
    for (std::size_t left = static_cast<std::size_t>(given); left != 0;) {
      const std::size_t step = std::min(left, pieces[piece].iov_len - offset);
      offset += step;
      left -= step;
      if (offset == pieces[piece].iov_len) {
        ++piece;
        offset = 0;
      }
    }
  }
  moved.bytes = taken;
  if (!send_raw()) moved.state = State::closed;
  if (moved.state == State::open && wants_write_) moved.state = State::would_block;
  return moved;
}

void TlsTransport::finish() {
  ERR_clear_error();
  if (established_ && *fault_ == '\0') SSL_shutdown(ssl_.get());
  send_raw();
  ERR_clear_error();
  below_->finish();
}

/// In TLS 1.3 a client may offer a key for which no cipher is left; then the handshake goes on without it.
bool TlsTransport::key_proven() const {
  if (psk_identity_.empty()) return false;
  if (SSL_version(ssl_.get()) >= TLS1_3_VERSION) return SSL_session_reused(ssl_.get()) == 1;
  return SSL_get_psk_identity(ssl_.get()) != nullptr;
}

ProvenIdentity TlsTransport::identity() const {
  ProvenIdentity who = below_->identity();
  if (key_proven()) who.identity = psk_identity_;
  X509* const certificate = SSL_get0_peer_certificate(ssl_.get());
  if (!certificate || SSL_get_verify_result(ssl_.get()) != X509_V_OK) return who;
  X509_NAME* const subject = X509_get_subject_name(certificate);
  if (const int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1); at >= 0) {
    unsigned char* text = nullptr;
    const int size = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
    if (size > 0) who.identity.assign(reinterpret_cast<const char*>(text), static_cast<std::size_t>(size));
    OPENSSL_free(text);
  }
  const std::unique_ptr<BIO, int (*)(BIO*)> memory(BIO_new(BIO_s_mem()), &BIO_free);
  X509_NAME_print_ex(memory.get(), subject, 0, XN_FLAG_RFC2253);
  char* text = nullptr;
  const long size = BIO_get_mem_data(memory.get(), &text);
  if (size > 0) who.subject.assign(text, static_cast<std::size_t>(size));
  return who;
}

}  // namespace

std::unique_ptr<Transport> make_tls_transport(std::unique_ptr<Transport> below,
                                              std::shared_ptr<const TlsContext> context) {
  return std::make_unique<TlsTransport>(std::move(below), std::move(context));
}

}  // namespace bramble
