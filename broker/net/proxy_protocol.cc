#include "broker/net/proxy_protocol.h"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <charconv>
#include <cstring>

#include "core/base/check.h"

namespace bramble {

namespace {

constexpr std::size_t kVersion1Max = 107;  // with CR LF
constexpr std::size_t kVersion2Fixed = 16;
constexpr std::size_t kHeaderMax = 2048;  // a read gives at least twice as much
constexpr std::string_view kSignature{"\r\n\r\n\0\r\nQUIT\n", 12};
constexpr unsigned char kTlvSsl = 0x20, kTlvCommonName = 0x22;
constexpr unsigned char kClientCameByTls = 0x01;
constexpr unsigned char kClientShowedCertificate = 0x02 | 0x04;  // in this connection, or earlier in its session

unsigned byte_at(std::string_view text, std::size_t at) { return static_cast<unsigned char>(text[at]); }
std::size_t word_at(std::string_view text, std::size_t at) { return byte_at(text, at) << 8 | byte_at(text, at + 1); }

/// What a header says.
struct Said {
  std::string peer;  ///< empty: nothing, as for the proxy's own health checks
  bool by_tls = false;
  bool local = false;  ///< of the proxy itself, not for a client
  std::string common_name;
};

/// The next word, without the blank behind it.
std::string_view take_word(std::string_view& text) {
  const auto end = std::min(text.find(' '), text.size());
  const std::string_view word = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return word;
}

std::string endpoint(bool v6, const std::string& address, std::size_t port) {
  return (v6 ? "[" + address + "]" : address) + ":" + std::to_string(port);
}

/// `line` is what stands between "PROXY " and CR LF. False: it is not what it should be.
bool read_version1(std::string_view line, Said& said) {
  if (line.find('\0') != std::string_view::npos) return false;
  const std::string_view family = take_word(line);
  if (family == "UNKNOWN") return true;
  const bool v6 = family == "TCP6";
  if (!v6 && family != "TCP4") return false;
  const std::string source(take_word(line)), destination(take_word(line));
  const std::string_view source_port = take_word(line);
  std::array<unsigned char, sizeof(in6_addr)> parsed{};
  const int kind = v6 ? AF_INET6 : AF_INET;
  if (::inet_pton(kind, source.c_str(), parsed.data()) != 1) return false;
  if (::inet_pton(kind, destination.c_str(), parsed.data()) != 1) return false;
  for (const std::string_view text : {source_port, line}) {
    std::uint16_t port = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
    if (error != std::errc{} || end != text.data() + text.size()) return false;
  }
  said.peer = endpoint(v6, source, static_cast<std::size_t>(std::stoul(std::string(source_port))));
  return true;
}

bool read_ssl(std::string_view value, Said& said) {
  if (value.size() < 5) return false;
  const unsigned client = byte_at(value, 0);
  const bool verified = value.substr(1, 4) == std::string_view("\0\0\0\0", 4);
  said.by_tls = (client & kClientCameByTls) != 0;
  for (value.remove_prefix(5); !value.empty();) {
    if (value.size() < 3 || value.size() < 3 + word_at(value, 1)) return false;
    const std::string_view content = value.substr(3, word_at(value, 1));
    if (byte_at(value, 0) == kTlvCommonName && verified && (client & kClientShowedCertificate) != 0) {
      said.common_name = content;
    }
    value.remove_prefix(3 + content.size());
  }
  return true;
}

/// `body` is what comes behind the fixed 16 bytes.
bool read_version2(unsigned command, unsigned family, std::string_view body, Said& said) {
  said.local = command == 0;
  if (said.local) return true;
  if (command != 1) return false;
  const bool v4 = family == 0x11, v6 = family == 0x21;
  const std::size_t size = v4 ? 4 : 16;
  const std::size_t addresses = v4 ? 12 : v6 ? 36 : family == 0x31 ? 216 : 0;
  if (body.size() < addresses) return false;
  if (v4 || v6) {
    std::array<char, INET6_ADDRSTRLEN> text{};
    if (!::inet_ntop(v4 ? AF_INET : AF_INET6, body.data(), text.data(), text.size())) return false;
    said.peer = endpoint(v6, text.data(), word_at(body, 2 * size));
  }
  for (body.remove_prefix(addresses); !body.empty();) {
    if (body.size() < 3 || body.size() < 3 + word_at(body, 1)) return false;
    const std::string_view content = body.substr(3, word_at(body, 1));
    if (byte_at(body, 0) == kTlvSsl && !read_ssl(content, said)) return false;
    body.remove_prefix(3 + content.size());
  }
  return true;
}

class ProxiedTransport final : public Transport {
 public:
  ProxiedTransport(std::unique_ptr<Transport> below, std::uint16_t version, bool require_tls)
      : below_(std::move(below)), version_(version), require_tls_(require_tls) {
    established_ = false;
  }

  int descriptor() const override { return below_->descriptor(); }
  Moved read(char* to, std::size_t size) override {
    if (established_) return below_->read(to, size);
    check(size >= 2 * kHeaderMax, "a read has room for what comes behind the header");
    std::array<char, kHeaderMax> bytes;
    const Moved moved = below_->read(bytes.data(), bytes.size() - std::min(bytes.size() - 1, header_.size()));
    if (moved.bytes == 0) return moved;
    header_.append(bytes.data(), moved.bytes);
    std::size_t used = 0;
    if (!take_header(used)) return {0, State::closed};
    if (used == 0) return {0, State::would_block};
    established_ = true;
    const std::size_t rest = header_.size() - used;
    std::memcpy(to, header_.data() + used, rest);
    header_ = {};
    return {rest, rest == 0 ? State::would_block : State::open};
  }
  Moved write(std::span<const iovec> pieces) override { return below_->write(pieces); }
  void finish() override { below_->finish(); }
  std::string peer() const override { return said_.peer.empty() ? below_->peer() : said_.peer; }
  std::string kind() const override { return below_->kind(); }
  ProvenIdentity identity() const override { return {said_.common_name, {}}; }
  const char* fault() const override { return fault_; }

 private:
  bool wrong(const char* why) {
    fault_ = why;
    return false;
  }

  /// `used`: bytes of the header, if it is whole and something may follow. False: it is none, or not good enough.
  bool take_header(std::size_t& used) {
    const bool good = version_ == 1 ? take_version1(used) : take_version2(used);
    if (!good)
      return wrong("it did not begin with the PROXY header that this listener expects (enable_proxy_protocol)");
    if (used == 0 || !require_tls_ || said_.by_tls) return true;
    if (!said_.local) return wrong("it came to the proxy without TLS (proxy_protocol_v2_require_tls)");
    if (header_.size() > used) {
      return wrong("the proxy sent more than its own header, and for no client (proxy_protocol_v2_require_tls)");
    }
    used = 0;  // it never goes on: a health check ends here
    return true;
  }

  bool take_version1(std::size_t& used) {
    constexpr std::string_view kBegin = "PROXY ";
    const std::string_view text = header_;
    if (text.substr(0, kBegin.size()) != kBegin.substr(0, text.size())) return false;
    const auto end = text.substr(0, kVersion1Max).find("\r\n");
    if (end == std::string_view::npos) return text.size() < kVersion1Max;
    used = end + 2;
    return read_version1(text.substr(kBegin.size(), end - kBegin.size()), said_);
  }

  bool take_version2(std::size_t& used) {
    const std::string_view text = header_;
    if (text.substr(0, kSignature.size()) != kSignature.substr(0, text.size())) return false;
    if (text.size() < kVersion2Fixed) return true;
    const std::size_t size = word_at(text, 14);
    if (byte_at(text, 12) >> 4 != 2 || kVersion2Fixed + size > kHeaderMax) return false;
    if (text.size() < kVersion2Fixed + size) return true;
    used = kVersion2Fixed + size;
    return read_version2(byte_at(text, 12) & 15, byte_at(text, 13), text.substr(kVersion2Fixed, size), said_);
  }

  std::unique_ptr<Transport> below_;
  const std::uint16_t version_;
  const bool require_tls_;
  std::string header_;
  Said said_;
  const char* fault_ = "";
};

}  // namespace

std::unique_ptr<Transport> make_proxied_transport(std::unique_ptr<Transport> below, const ListenerOptions& listener) {
  return std::make_unique<ProxiedTransport>(std::move(below), listener.enable_proxy_protocol,
                                            listener.proxy_protocol_v2_require_tls);
}

}  // namespace bramble
